import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, states } from "../../api/call";
import { readAgain } from "../../live/again";
import { activityLine, sendLine } from "../../model/commands";
import { notJson } from "../../model/json";
import type { Waiting } from "../../model/waiting";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { submitOnCtrlEnter } from "../../ui/keys";
import { CommandLine, CopyButton, ErrorNote } from "../../ui/parts";

const ENDS: readonly Option<"success" | "failure">[] = [
  ["success", <><Icon name="check" size={13} /> Success</>],
  ["failure", <><Icon name="cross" size={13} /> Failure</>],
];

/** Answers for whoever a state waits for: with an output, an error, or a sign of life. */
export function AnswerDialog({ waiting, suggested, executionArn, onClose }: {
  waiting: Extract<Waiting, { kind: "token" }>;
  suggested: Readonly<Record<string, unknown>>;
  executionArn: string;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const [kind, setKind] = useState<"success" | "failure">("success");
  const [output, setOutput] = useState(() => JSON.stringify(suggested, null, 2));
  const [error, setError] = useState("");
  const [cause, setCause] = useState("");
  const problem = kind === "success" ? notJson(output) : null;
  const { token: taskToken } = waiting;
  const answer = useMutation({
    mutationFn: async (): Promise<void> => {
      if (kind === "success") await states("SendTaskSuccess", { taskToken, output });
      else await states("SendTaskFailure", { taskToken, ...(error ? { error } : {}), ...(cause ? { cause } : {}) });
    },
    onSuccess: () => {
      for (const key of ["execution", "history"]) readAgain(client, [key, executionArn]);
      onClose();
    },
  });
  const heartbeat = useMutation({
    mutationFn: () => states("SendTaskHeartbeat", { taskToken }),
    onSuccess: () => readAgain(client, ["history", executionArn]),
  });
  const failed = answer.error ?? heartbeat.error;
  return (
    <Dialog title={`Answer for ${waiting.visit.name}`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (problem === null) answer.mutate();
        }}
      >
        <p className="quiet">
          It waits for its task token, which was sent as <code>{waiting.at}</code>. Whoever has the token may still answer; the first answer counts.
        </p>
        <Choice label="How it ends" options={ENDS} chosen={kind} onChoose={setKind} />
        {kind === "success" ? (
          <>
            <label>
              Output
              <textarea
                data-first
                rows={8}
                spellCheck={false}
                value={output}
                onChange={(event) => setOutput(event.target.value)}
                aria-invalid={problem !== null}
                aria-describedby="answer-problem"
                onKeyDown={submitOnCtrlEnter}
              />
            </label>
            <p id="answer-problem" className={problem === null ? "quiet" : "tone-bad"} role="status">
              {problem ?? (Object.keys(suggested).length > 0 ? "JSON, as the Choice state behind it asks for. Ctrl Enter sends." : "JSON. Ctrl Enter sends.")}
            </p>
          </>
        ) : (
          <>
            <label>
              Error <span className="quiet">(what Retry and Catch match)</span>
              <input type="text" value={error} maxLength={256} onChange={(event) => setError(event.target.value)} />
            </label>
            <label>
              Cause
              <textarea rows={4} value={cause} maxLength={32_768} onChange={(event) => setCause(event.target.value)} />
            </label>
          </>
        )}
        {failed && <ErrorNote error={failed} />}
        {failed instanceof ApiError && failed.code === "TaskTimedOut" && <p className="quiet">Somebody has answered already, or the task is over.</p>}
        <div className="actions">
          {kind === "success" && problem === null && (
            <CopyButton text={sendLine(window.location.origin, taskToken, output)} label="Copy as a line for the AWS CLI">
              CLI
            </CopyButton>
          )}
          <CopyButton text={taskToken} label="Copy the task token">
            Token
          </CopyButton>
          {waiting.heartbeatSeconds !== null && (
            <button type="button" className="button" disabled={heartbeat.isPending} onClick={() => heartbeat.mutate()} title={`One is due every ${waiting.heartbeatSeconds} s`}>
              <Icon name="clock" size={13} /> Heartbeat
            </button>
          )}
          {heartbeat.isSuccess && (
            <span className="quiet" role="status">
              Sent.
            </span>
          )}
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className={`button ${kind === "success" ? "is-main" : "is-danger"}`} disabled={problem !== null || answer.isPending}>
            <Icon name={kind === "success" ? "check" : "cross"} size={13} /> {kind === "success" ? "Send success" : "Send failure"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Why a state that waits cannot be answered for from here, and who can. */
export function WaitingNote({ waiting }: { waiting: Exclude<Waiting, { kind: "token" }> }) {
  if (waiting.kind === "unknown") return <p className="quiet">It waits for its task token: {waiting.why}, so it cannot be answered from here.</p>;
  return (
    <>
      <p className="quiet">It waits for a worker of its activity. The token is given to the worker that asks for work, and is in no history:</p>
      <CommandLine line={activityLine(window.location.origin, waiting.activityArn)} />
    </>
  );
}
