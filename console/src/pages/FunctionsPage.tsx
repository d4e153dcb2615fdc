import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useLocation } from "wouter";
import { functionsQuery } from "../api/queries";
import type { Lambda } from "../api/generated";
import { functionPath } from "../model/arn";
import { LoadedPage } from "../ui/Loaded";
import { CommandLine, Count, CutNote, Empty, Time, useTitle } from "../ui/parts";
import { Rows } from "../ui/Rows";
import type { Column } from "../ui/Rows";
import { SearchField } from "../ui/SearchField";
import { useQueryState } from "../ui/useQueryState";

const COLUMNS: readonly Column<Lambda.FunctionConfiguration>[] = [
  {
    id: "name",
    title: "Name",
    width: "minmax(0, 1.6fr)",
    cell: (one) => (
      <Link className="strong" href={functionPath(one.FunctionName ?? "")}>
        {one.FunctionName}
      </Link>
    ),
  },
  { id: "runtime", title: "Runtime", width: "110px", cell: (one) => one.Runtime ?? "" },
  { id: "handler", title: "Handler", width: "minmax(0, 1fr)", isMinor: true, cell: (one) => <code>{one.Handler}</code> },
  { id: "memory", title: "Memory", width: "90px", isMinor: true, isNumber: true, cell: (one) => `${one.MemorySize ?? ""} MB` },
  { id: "timeout", title: "Timeout", width: "80px", isMinor: true, isNumber: true, cell: (one) => `${one.Timeout ?? ""} s` },
  {
    id: "modified",
    title: "Changed",
    width: "100px",
    cell: (one) => (one.LastModified ? <Time at={Date.parse(one.LastModified.replace("+0000", "Z"))} /> : null),
  },
];

export function FunctionsPage() {
  useTitle("Functions");
  const [, navigate] = useLocation();
  const [get] = useQueryState();
  const found = useQuery(functionsQuery);
  const wanted = (get("q") ?? "").toLowerCase();
  const functions = useMemo(
    () => (found.data?.items ?? []).filter((one) => (one.FunctionName ?? "").toLowerCase().includes(wanted)),
    [found.data, wanted],
  );
  return (
    <LoadedPage query={found} title="Functions" what="functions">
      {({ items, isCut }) => (
        <>
          <div className="page-head">
            <h1>
              Functions <Count of={items.length} isCut={isCut} />
            </h1>
            {items.length > 0 && <SearchField label="Search functions by name" placeholder="Search by name" />}
          </div>
          {items.length === 0 ? (
            <Empty title="No functions yet" icon="lambda">
              <p>A template of SAM brings them with their state machines. In its directory:</p>
              <CommandLine line="stepwell dev ." />
            </Empty>
          ) : functions.length === 0 ? (
            <Empty title={`No function is called “${get("q")}”`} icon="search" />
          ) : (
            <Rows
              label="Functions"
              rows={functions}
              columns={COLUMNS}
              rowHeight={40}
              keyOf={(one) => one.FunctionArn ?? ""}
              onOpen={(one) => navigate(functionPath(one.FunctionName ?? ""))}
            />
          )}
          {isCut && <CutNote count={items.length} what="functions" />}
        </>
      )}
    </LoadedPage>
  );
}
