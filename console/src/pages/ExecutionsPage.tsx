import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { latestQuery, machinesQuery } from "../api/queries";
import { usePolling } from "../live/LiveProvider";
import { merged } from "../model/filters";
import { ExecutionList, Filters, Found } from "../ui/ExecutionList";
import { Loaded } from "../ui/Loaded";
import { CommandLine, Empty, ErrorNote, useTitle, Waiting } from "../ui/parts";
import { useQueryState } from "../ui/useQueryState";

/** State machines whose latest executions are put together; a server with more has a choice to make first. */
const MACHINES_MAX = 50;

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
          {machines.map((one) => (
            <option key={one.stateMachineArn} value={one.stateMachineArn}>
              {one.name}
            </option>
          ))}
        </select>
      </div>
      <Loaded query={found} what="state machines">
        {() =>
          machine ? (
            <ExecutionList machineArn={machine} isExpress={false} />
          ) : (
            <OfAll arns={machines.map((one) => one.stateMachineArn)} />
          )
        }
      </Loaded>
    </main>
  );
}

/** The latest executions of all state machines together. */
function OfAll({ arns }: { arns: readonly string[] }) {
  const [get] = useQueryState();
  const polling = usePolling(true);
  const lists = useQueries({
    queries: arns.slice(0, MACHINES_MAX).map((arn) => ({ ...latestQuery(arn), refetchInterval: polling })),
  });
  const status = get("status");
  const isPending = lists.some((list) => list.isPending);
  const stamp = lists.map((list) => list.dataUpdatedAt).join();
  const executions = useMemo(
    () => merged(lists.map((list) => list.data?.executions ?? [])).filter((one) => status === null || one.status === status),
    // The lists are new objects at every drawing; their instants say whether anything of them is.
    [stamp, status],
  );
  const failed = lists.find((list) => list.error);
  if (isPending && executions.length === 0) return <Waiting what="executions" />;
  return (
    <>
      <Filters />
      {failed?.error && <ErrorNote error={failed.error} onRetry={() => lists.forEach((list) => list.error && void list.refetch())} />}
      <Found
        executions={executions}
        none={
          status ? (
            <Empty title="No execution passes the filters" icon="search" />
          ) : (
            <Empty title="No executions yet" icon="list">
              <p>
                Start one on the page of a <Link href="/machines">state machine</Link>, or in a terminal:
              </p>
              <CommandLine line="stepwell start NAME --input '{}' --follow" />
            </Empty>
          )
        }
        onEnd={undefined}
        isWhole
        showsMachine
      />
      <p className="foot quiet">
        The latest 100 of each of {Math.min(arns.length, MACHINES_MAX)} state machines. Choose one to see all of its executions.
      </p>
    </>
  );
}
