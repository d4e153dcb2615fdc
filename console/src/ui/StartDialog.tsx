import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { states } from "../api/call";
import { executionPath, nameOf } from "../model/arn";
import { sdkText, startLine } from "../model/commands";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";
import { CopyButton, ErrorNote } from "./parts";

/** Starts an execution, with an input that may come from an earlier one. */
export function StartDialog({ machineArn, input: given, onClose }: { machineArn: string; input: string; onClose: () => void }) {
  const [, navigate] = useLocation();
  const [input, setInput] = useState(given);
  const [name, setName] = useState("");
  const problem = problemOf(input);
  const start = useMutation({
    mutationFn: () => states("StartExecution", { stateMachineArn: machineArn, input, ...(name ? { name } : {}) }),
    onSuccess: ({ executionArn }) => {
      onClose();
      navigate(executionPath(executionArn));
    },
  });
  const endpoint = window.location.origin;
  return (
    <Dialog title={`Start ${nameOf(machineArn)}`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (problem === null) start.mutate();
        }}
      >
        <label>
          Input
          <textarea
            data-first
            rows={12}
            spellCheck={false}
            value={input}
            onChange={(event) => setInput(event.target.value)}
            aria-invalid={problem !== null}
            aria-describedby="input-problem"
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
            }}
          />
        </label>
        <p id="input-problem" className={problem === null ? "quiet" : "tone-bad"} role="status">
          {problem ?? "JSON. Ctrl Enter starts."}
        </p>
        <label>
          Name <span className="quiet">(optional; starting a name again gives the same execution)</span>
          <input type="text" value={name} maxLength={80} onChange={(event) => setName(event.target.value)} />
        </label>
        {start.error && <ErrorNote error={start.error} />}
        <div className="actions">
          <CopyButton text={startLine(endpoint, machineArn, input)} label="Copy as a line for the AWS CLI">
            CLI
          </CopyButton>
          <CopyButton text={sdkText(endpoint, machineArn, input)} label="Copy as a call of the AWS SDK">
            SDK
          </CopyButton>
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button is-main" disabled={problem !== null || start.isPending}>
            <Icon name="play" size={13} /> Start
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Why a text is no input; `null` if it is one. */
function problemOf(input: string): string | null {
  try {
    JSON.parse(input);
    return null;
  } catch (reason) {
    return reason instanceof Error ? `Not JSON: ${reason.message}` : "Not JSON";
  }
}
