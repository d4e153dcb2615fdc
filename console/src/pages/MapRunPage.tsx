import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import type { States } from "../api/generated";
import { childrenQuery, mapRunQuery } from "../api/queries";
import { usePolling } from "../live/LiveProvider";
import { executionPath, machineOfRun, machinePath, nameOf } from "../model/arn";
import { Filters, Found } from "../ui/ExecutionList";
import { Loaded, LoadedPage } from "../ui/Loaded";
import { Arn, Crumbs, Empty, Fact, StatusPill, Time, Took, useTitle, Waiting } from "../ui/parts";
import { useQueryState } from "../ui/useQueryState";
import { useReadOn } from "../ui/useReadOn";

const ChildGrid = lazy(() => import("./execution/ChildGrid"));

/** How often the counts of a run are read while it runs: its children change far more often than anybody looks. */
const COUNTS_MS = 1_000;

/** One run of a distributed Map: how many items stand how, and every child execution. */
export function MapRunPage({ arn }: { arn: string }) {
  useTitle("Map run");
  const found = useQuery({
    ...mapRunQuery(arn),
    refetchInterval: (query) => (query.state.data?.status === "RUNNING" ? COUNTS_MS : false),
  });
  return (
    <LoadedPage query={found} title="Map run" what="the map run">
      {(run) => <Shown run={run} />}
    </LoadedPage>
  );
}

function Shown({ run }: { run: States.DescribeMapRunOutput }) {
  const arn = run.mapRunArn;
  const machine = machineOfRun(arn);
  return (
    <>
      <Crumbs
        above={[
          ["/machines", "State machines"],
          [machinePath(machine), nameOf(machine)],
          [executionPath(run.executionArn), nameOf(run.executionArn)],
        ]}
      />
      <div className="page-head">
        <h1 className="with-status">
          Map run
          <span role="status" aria-label="Status">
            <StatusPill status={run.status} />
          </span>
        </h1>
      </div>
      <Progress counts={run.itemCounts} />
      <dl className="facts">
        <Fact name="Started"><Time at={run.startDate * 1000} /></Fact>
        <Fact name="Duration"><Took of={run} /></Fact>
        <Fact name="At one time">{run.maxConcurrency === 0 ? "no limit" : run.maxConcurrency.toLocaleString("en")}</Fact>
        <Fact name="May fail">
          {run.toleratedFailureCount.toLocaleString("en")} items, {run.toleratedFailurePercentage} %
        </Fact>
        <Fact name="ARN"><Arn arn={arn} /></Fact>
      </dl>
      <Suspense fallback={<Waiting what="the children" />}>
        <ChildGrid mapRunArn={arn} isRunning={run.status === "RUNNING"} />
      </Suspense>
      <Children arn={arn} />
    </>
  );
}

function Children({ arn }: { arn: string }) {
  const [get] = useQueryState();
  const status = get("status") as States.ExecutionStatus | null;
  const list = useInfiniteQuery({ ...childrenQuery(arn, status), refetchInterval: usePolling(true) });
  const children = useMemo(() => list.data?.pages.flatMap((page) => page.executions) ?? [], [list.data]);
  const { onEnd } = useReadOn(list, children.length, 0);
  return (
    <section>
      <Filters />
      <Loaded query={list} what="child executions">
        {() => (
          <Found
            executions={children}
            none={<Empty title={status ? "No child passes the filters" : "No child executions"} icon="list" />}
            onEnd={onEnd}
            isWhole={!list.hasNextPage}
            showsMachine={false}
          />
        )}
      </Loaded>
    </section>
  );
}

const PARTS = [
  ["succeeded", "Succeeded", "good"],
  ["failed", "Failed", "bad"],
  ["timedOut", "Timed out", "bad"],
  ["aborted", "Aborted", "quiet"],
  ["running", "Running", "busy"],
  ["pending", "Waiting", "still"],
] as const;

/** How many items stand how, as a bar and in numbers. */
function Progress({ counts }: { counts: States.MapRunItemCounts }) {
  const shown = PARTS.filter(([name]) => counts[name] > 0);
  return (
    <div className="progress">
      <div className="progress-bar" role="img" aria-label={shown.map(([name, title]) => `${counts[name]} ${title.toLowerCase()}`).join(", ")}>
        {shown.map(([name, , tone]) => (
          <i key={name} className={`tone-${tone === "still" ? "quiet" : tone} progress-${name}`} style={{ flexGrow: counts[name] }} />
        ))}
      </div>
      <ul>
        {shown.map(([name, title]) => (
          <li key={name}>
            <strong className="number">{counts[name].toLocaleString("en")}</strong> {title.toLowerCase()}
          </li>
        ))}
        <li className="quiet">of {counts.total.toLocaleString("en")}</li>
      </ul>
    </div>
  );
}
