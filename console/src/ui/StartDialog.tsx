import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { states } from "../api/call";
import type { States } from "../api/generated";
import { executionPath, nameOf } from "../model/arn";
import { followLine, sdkText, startLine } from "../model/commands";
import { notJson } from "../model/json";
import { durationText } from "../model/time";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";
import { Json } from "./Json";
import { submitOnCtrlEnter } from "./keys";
import { Arn, CommandLine, CopyButton, ErrorNote, Fact, StatusPill } from "./parts";

/** Starts an execution, with an input that may come from an earlier one. */
export function StartDialog(props: { machineArn: string; isExpress: boolean; input: string; onClose: () => void }) {
  const { machineArn, isExpress, input: given, onClose } = props;
  const [, navigate] = useLocation();
  const [input, setInput] = useState(given);
  const [name, setName] = useState("");
  const problem = notJson(input);
  const request = { stateMachineArn: machineArn, input, ...(name ? { name } : {}) };
  const start = useMutation({
    mutationFn: () => states("StartExecution", request),
    onSuccess: ({ executionArn }) => {
      // AWS: nothing tells of an Express execution but its logs.
      if (isExpress) return;
      onClose();
      navigate(executionPath(executionArn));
    },
  });
  const wait = useMutation({ mutationFn: () => states("StartSyncExecution", request) });
  const isPending = start.isPending || wait.isPending;
  const error = start.error ?? wait.error;
  const endpoint = window.location.origin;
  return (
    <Dialog title={`Start ${nameOf(machineArn)}`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (problem !== null || isPending) return;
          start.reset();
          if (isExpress) wait.mutate();
          else start.mutate();
        }}
      >
        <label>
          Input
          <textarea
            data-first
            rows={isExpress ? 8 : 12}
            spellCheck={false}
            value={input}
            onChange={(event) => setInput(event.target.value)}
            aria-invalid={problem !== null}
            aria-describedby="input-problem"
            onKeyDown={submitOnCtrlEnter}
          />
        </label>
        <p id="input-problem" className={problem === null ? "quiet" : "tone-bad"} role="status">
          {problem ?? "JSON. Ctrl Enter starts."}
        </p>
        <label>
          Name <span className="quiet">{isExpress ? "(optional)" : "(optional; starting a name again gives the same execution)"}</span>
          <input type="text" value={name} maxLength={80} onChange={(event) => setName(event.target.value)} />
        </label>
        {error && <ErrorNote error={error} />}
        <div className="actions">
          <CopyButton text={startLine(endpoint, machineArn, input)} label="Copy as a line for the AWS CLI">
            CLI
          </CopyButton>
          <CopyButton text={sdkText(endpoint, machineArn, input)} label="Copy as a call of the AWS SDK">
            SDK
          </CopyButton>
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            {wait.data || start.data ? "Close" : "Cancel"}
          </button>
          {isExpress && (
            <button
              type="button"
              className="button"
              disabled={problem !== null || isPending}
              title="StartExecution: goes on by itself; what it does is in its logs"
              onClick={() => {
                wait.reset();
                start.mutate();
              }}
            >
              Start only
            </button>
          )}
          <button
            type="submit"
            className="button is-main"
            disabled={problem !== null || isPending}
            title={isExpress ? "StartSyncExecution: waits for the result" : undefined}
          >
            <Icon name={wait.isPending ? "running" : "play"} size={13} /> {isExpress ? "Start and wait" : "Start"}
          </button>
        </div>
      </form>
      {wait.data && <Ended execution={wait.data} />}
      {isExpress && start.data && (
        <section className="form" role="status" aria-label="Started">
          <Arn arn={start.data.executionArn} />
          <p className="quiet">AWS lists no Express executions. With logging on, what this one does is in the log group of its state machine:</p>
          <CommandLine line={followLine(endpoint, nameOf(machineArn))} />
        </section>
      )}
    </Dialog>
  );
}

/** What came of an Express execution that was waited for. */
function Ended({ execution }: { execution: States.StartSyncExecutionOutput }) {
  const { status, error, cause, output } = execution;
  return (
    <section className="form" role="status" aria-label="Result">
      <dl className="facts">
        <Fact name="Status"><StatusPill status={status} /></Fact>
        <Fact name="Duration">{durationText((execution.stopDate - execution.startDate) * 1000)}</Fact>
        {execution.billingDetails?.billedDurationInMilliseconds !== undefined && (
          <Fact name="Billed">
            {durationText(execution.billingDetails.billedDurationInMilliseconds)}, {execution.billingDetails.billedMemoryUsedInMB} MB
          </Fact>
        )}
        <Fact name="ARN"><Arn arn={execution.executionArn} /></Fact>
      </dl>
      {(error || cause) && (
        <div className="note tone-bad">
          <Icon name="cross" />
          <div>
            <strong>{error}</strong>
            <p className="cause">{cause}</p>
          </div>
        </div>
      )}
      {output !== undefined && <Json text={output} label="the output" />}
    </section>
  );
}
