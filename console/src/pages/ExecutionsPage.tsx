import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Link } from "wouter";
import { machinesQuery } from "../api/queries";
import { nameOf } from "../model/arn";
import { ErrorNote, CommandLine, CutNote, Empty, Tabs, useTitle, Waiting } from "../ui/parts";
import { useQueryState } from "../ui/useQueryState";
import { SearchList } from "./executions/SearchList";

const FailureGroups = lazy(() => import("./executions/FailureGroups"));

/** The executions of all state machines, or of one, and why those failed that did. */
export function ExecutionsPage() {
  useTitle("Executions");
  const [get, set] = useQueryState();
  const found = useQuery(machinesQuery);
  const machine = get("machine");
  const machines = found.data?.items.filter((one) => one.type === "STANDARD") ?? [];
  const view = get("view") ?? "list";
  return (
    <main className="page">
      <div className="page-head">
        <h1>Executions</h1>
        <select aria-label="State machine" value={machine ?? ""} onChange={(event) => set({ machine: event.target.value })}>
          <option value="">All state machines</option>
          {machine !== null && !machines.some((one) => one.stateMachineArn === machine) && <option value={machine}>{nameOf(machine)}</option>}
          {machines.map((one) => (
            <option key={one.stateMachineArn} value={one.stateMachineArn}>
              {one.name}
            </option>
          ))}
        </select>
      </div>
      {found.error && <ErrorNote error={found.error} onRetry={() => void found.refetch()} />}
      {found.data?.isCut && <CutNote count={found.data.items.length} what="state machines are to choose from" />}
      <Tabs
        label="Views of executions"
        items={[
          { id: "list", label: "List" },
          { id: "failures", label: "Failures by cause" },
        ]}
        chosen={view}
        onChoose={(next) => set({ view: next === "list" ? null : next })}
      />
      <div id="tab-panel" role="tabpanel" aria-labelledby={`tab-${view}`}>
        {view === "failures" ? (
          <Suspense fallback={<Waiting what="failures" />}>
            <FailureGroups machineArn={machine} />
          </Suspense>
        ) : (
          <SearchList
            machineArn={machine}
            none={
              <Empty title="No executions yet" icon="list">
                <p>
                  Start one on the page of a <Link href="/machines">state machine</Link>, or in a terminal:
                </p>
                <CommandLine line="stepwell start NAME --input '{}' --follow" />
              </Empty>
            }
          />
        )}
      </div>
    </main>
  );
}
