import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { states } from "../../api/call";
import type { States } from "../../api/generated";
import { readAgain } from "../../live/again";
import { machineOf, machinePath, mapRunPath, nameOf, qualifierOf, withQuery } from "../../model/arn";
import { describeLine, describeSdkText, historyLine, sdkText, startLine, testText } from "../../model/commands";
import type { Run } from "../../model/history";
import { laidOut } from "../../model/json";
import { childrenOf, originOf } from "../../model/kin";
import { isRedrivable } from "../../model/status";
import { Icon } from "../../ui/Icon";
import { Arn, Crumbs, ErrorNote, Fact, StatusPill, Time, Took } from "../../ui/parts";
import { StartDialog } from "../../ui/StartDialog";
import { useKey } from "../../ui/useKey";
import { CopyDialog } from "./CopyDialog";
import type { Copied } from "./CopyDialog";
import { ChildrenFact, OriginFact } from "./Kin";
import { StopDialog } from "./StopDialog";

/** What the execution is, how it stands, and what can be done with it. */
export function Head({ execution, run }: { execution: States.DescribeExecutionOutput; run: Run }) {
  const client = useQueryClient();
  const [shows, setShows] = useState<"start" | "stop" | "copy" | null>(null);
  const arn = execution.executionArn;
  const redrive = useMutation({
    mutationFn: () => states("RedriveExecution", { executionArn: arn }),
    onSuccess: () => {
      for (const key of ["execution", "history", "executions"]) readAgain(client, [key]);
    },
  });
  const { status } = execution;
  const machineArn = execution.stateMachineArn;
  const isChild = execution.mapRunArn !== undefined;
  const children = useMemo(() => childrenOf(run), [run]);
  const origin = useMemo(() => originOf(execution.input), [execution.input]);
  const close = (): void => setShows(null);
  useKey("n", () => setShows("start"), !isChild);
  return (
    <>
      <Crumbs
        above={[
          ["/machines", "State machines"],
          [machinePath(machineOf(arn)), nameOf(machineArn)],
          [withQuery("/executions", { machine: machineOf(arn) }), "Executions"],
        ]}
      />
      <div className="page-head">
        <h1 className="with-status">
          <span className="mono">{execution.name ?? nameOf(arn)}</span>
          <span role="status" aria-label="Status">
            <StatusPill status={status} />
          </span>
        </h1>
        <div className="actions">
          {status === "RUNNING" && (
            <button type="button" className="button is-danger" onClick={() => setShows("stop")}>
              <Icon name="stop" size={13} /> Stop
            </button>
          )}
          {isRedrivable(status) && !isChild && (
            <button
              type="button"
              className="button"
              onClick={() => redrive.mutate()}
              disabled={redrive.isPending || execution.redriveStatus === "NOT_REDRIVABLE"}
              title={execution.redriveStatusReason ?? "Go on from where it failed; what succeeded is not repeated"}
            >
              <Icon name="redo" size={13} /> Redrive
            </button>
          )}
          <button type="button" className="button" onClick={() => setShows("copy")} title="As a line for the AWS CLI, a call of the SDK, a test">
            <Icon name="copy" size={14} /> Copy as
          </button>
          {!isChild && (
            <button type="button" className="button is-main" onClick={() => setShows("start")} title="Start another one from this input (n)">
              <Icon name="play" size={13} /> New execution
            </button>
          )}
        </div>
      </div>
      {redrive.error && <ErrorNote error={redrive.error} />}
      <dl className="facts">
        <Fact name="Started"><Time at={execution.startDate * 1000} /></Fact>
        <Fact name="Duration">
          <Took of={execution} />
        </Fact>
        <Fact name="States">{run.visits.length.toLocaleString("en")}</Fact>
        {(execution.redriveCount ?? 0) > 0 && (
          <Fact name="Redrives">
            {execution.redriveCount}
            {execution.redriveDate !== undefined && (
              <span className="quiet">
                , <Time at={execution.redriveDate * 1000} />
              </span>
            )}
          </Fact>
        )}
        {execution.mapRunArn && (
          <Fact name="Child of">
            <Link href={mapRunPath(execution.mapRunArn)}>a map run</Link>
          </Fact>
        )}
        <OriginFact origin={origin} />
        <ChildrenFact children={children} />
        {execution.stateMachineVersionArn && <Fact name="Version">{qualifierOf(execution.stateMachineVersionArn)}</Fact>}
        {execution.stateMachineAliasArn && <Fact name="Alias">{qualifierOf(execution.stateMachineAliasArn)}</Fact>}
        <Fact name="ARN"><Arn arn={arn} /></Fact>
      </dl>
      {shows === "start" && <StartDialog machineArn={machineOf(arn)} isExpress={false} input={laidOut(execution.input ?? "{}")} onClose={close} />}
      {shows === "stop" && <StopDialog executionArn={arn} onClose={close} />}
      {shows === "copy" && <CopyDialog texts={copies(execution)} onClose={close} />}
    </>
  );
}

function copies(execution: States.DescribeExecutionOutput): Copied[] {
  const endpoint = window.location.origin;
  const { executionArn, status } = execution;
  const machineArn = machineOf(executionArn);
  const input = execution.input ?? "{}";
  const isOver = status !== "RUNNING";
  const asks = [
    { id: "describe", title: "CLI: describe", text: describeLine(endpoint, executionArn) },
    { id: "history", title: "CLI: history", text: historyLine(endpoint, executionArn) },
    { id: "sdk-describe", title: "SDK: describe", text: describeSdkText(endpoint, executionArn) },
  ];
  // AWS: a child of a map run cannot be started by itself.
  if (execution.mapRunArn !== undefined) return asks;
  return [
    { id: "start", title: "CLI: start", text: startLine(endpoint, machineArn, input) },
    ...asks,
    { id: "sdk-start", title: "SDK: start", text: sdkText(endpoint, machineArn, input) },
    ...(isOver
      ? [
          {
            id: "test",
            title: "Test",
            text: testText({
              endpoint,
              machineArn,
              name: nameOf(machineArn),
              input,
              output: execution.output ?? null,
              status,
              error: execution.error ?? null,
            }),
          },
        ]
      : []),
  ];
}
