import { useQuery } from "@tanstack/react-query";
import { lazy } from "react";
import { Link } from "wouter";
import { machinesQuery } from "../api/queries";
import { nameOf } from "../model/arn";
import { startAndFollowLine } from "../model/commands";
import { CommandLine, CutNote, Empty, ErrorNote, useTitle } from "../ui/parts";
import { TabbedView } from "../ui/TabbedView";
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
      <TabbedView
        label="Views of executions"
        tabs={[
          { id: "list", label: "List", view: () => <SearchList machineArn={machine} none={NONE} /> },
          { id: "failures", label: "Failures by cause", view: () => <FailureGroups machineArn={machine} /> },
        ]}
      />
    </main>
  );
}

const NONE = (
  <Empty title="No executions yet" icon="list">
    <p>
      Start one on the page of a <Link href="/machines">state machine</Link>, or in a terminal:
    </p>
    <CommandLine line={startAndFollowLine(window.location.origin, "NAME")} />
  </Empty>
);
