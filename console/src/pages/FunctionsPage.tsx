import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useLocation } from "wouter";
import { ACTIVITY_MAX, activityQuery } from "../api/functions";
import type { Activity } from "../api/functions";
import type { Lambda } from "../api/generated";
import { functionsQuery } from "../api/queries";
import { functionPath } from "../model/arn";
import { modifiedAt } from "../model/time";
import { Bars } from "../ui/Bars";
import { Icon } from "../ui/Icon";
import { LoadedPage } from "../ui/Loaded";
import { CommandLine, Count, CutNote, Empty, ErrorNote, Time, useTitle } from "../ui/parts";
import { Rows } from "../ui/Rows";
import type { Column } from "../ui/Rows";
import { SearchField } from "../ui/SearchField";
import { useQueryState } from "../ui/useQueryState";
import { useSettled } from "../ui/useSettled";

const SETTLED_MS = 250;

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
  // Where all can be asked for, a search asks for nothing; else it does when somebody pauses.
  const settled = useSettled(wanted, SETTLED_MS);
  const names = useMemo(() => {
    const all = (found.data?.items ?? []).map((one) => one.FunctionName ?? "");
    return all.length <= ACTIVITY_MAX ? all : all.filter((name) => name.toLowerCase().includes(settled)).slice(0, ACTIVITY_MAX);
  }, [found.data, settled]);
  const activity = useQuery(activityQuery(names));
  const columns = useMemo<Column<Lambda.FunctionConfiguration>[]>(
    () => [
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
      {
        id: "activity",
        title: "Invocations, last hour",
        width: "minmax(190px, 1fr)",
        cell: (one) => <Did activity={activity.data?.get(one.FunctionName ?? "")} isRead={activity.data !== undefined} />,
      },
      { id: "runtime", title: "Runtime", width: "100px", isMinor: true, cell: (one) => one.Runtime ?? one.PackageType ?? "" },
      { id: "handler", title: "Handler", width: "minmax(0, 1fr)", isMinor: true, cell: (one) => <code>{one.Handler}</code> },
      { id: "memory", title: "Memory", width: "76px", isMinor: true, isNumber: true, cell: (one) => `${one.MemorySize ?? ""} MB` },
      { id: "timeout", title: "Timeout", width: "70px", isMinor: true, isNumber: true, cell: (one) => `${one.Timeout ?? ""} s` },
      { id: "modified", title: "Changed", width: "90px", isMinor: true, cell: (one) => (one.LastModified ? <Time at={modifiedAt(one.LastModified)} /> : null) },
    ],
    [activity.data],
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
          {activity.error && <ErrorNote error={activity.error} onRetry={() => void activity.refetch()} />}
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
              columns={columns}
              rowHeight={40}
              keyOf={(one) => one.FunctionArn ?? ""}
              onOpen={(one) => navigate(functionPath(one.FunctionName ?? ""))}
            />
          )}
          {isCut && <CutNote count={items.length} what="functions" />}
          {functions.length > ACTIVITY_MAX && <p className="foot quiet">Invocations are shown for the first {ACTIVITY_MAX}: search to see those of others.</p>}
        </>
      )}
    </LoadedPage>
  );
}

/** What a function did within the last hour. */
function Did({ activity, isRead }: { activity: Activity | undefined; isRead: boolean }) {
  if (activity === undefined) return <span className="quiet">{isRead ? "" : "…"}</span>;
  const { invocations, errors, overTime } = activity;
  if (invocations === 0) return <span className="quiet">none</span>;
  return (
    <span className="latest">
      <Bars counts={overTime} width={84} label={`${invocations.toLocaleString("en")} invocations in the last hour`} />
      <span className="number">{invocations.toLocaleString("en")}</span>
      {errors > 0 && (
        <span className="count-of tone-bad" title="Errors">
          <Icon name="cross" size={12} />
          {errors.toLocaleString("en")}
          <span className="visually-hidden"> errors</span>
        </span>
      )}
    </span>
  );
}
