import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { states } from "../../api/call";
import { readAgain } from "../../live/again";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { ErrorNote } from "../../ui/parts";

/** Stops an execution, with an error and a cause if somebody gives them. */
export function StopDialog({ executionArn, onClose }: { executionArn: string; onClose: () => void }) {
  const client = useQueryClient();
  const [error, setError] = useState("");
  const [cause, setCause] = useState("");
  const stop = useMutation({
    mutationFn: () => states("StopExecution", { executionArn, ...(error ? { error } : {}), ...(cause ? { cause } : {}) }),
    onSuccess: () => {
      for (const key of ["execution", "history", "executions"]) readAgain(client, [key]);
      onClose();
    },
  });
  return (
    <Dialog title="Stop the execution" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          stop.mutate();
        }}
      >
        <p className="quiet">It ends as aborted. What its functions have done stays done; it can be redriven from where it was stopped.</p>
        <label>
          Error <span className="quiet">(optional)</span>
          <input type="text" data-first value={error} maxLength={256} onChange={(event) => setError(event.target.value)} />
        </label>
        <label>
          Cause <span className="quiet">(optional)</span>
          <textarea rows={3} value={cause} maxLength={32_768} onChange={(event) => setCause(event.target.value)} />
        </label>
        {stop.error && <ErrorNote error={stop.error} />}
        <div className="actions">
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button is-danger" disabled={stop.isPending}>
            <Icon name="stop" size={13} /> Stop execution
          </button>
        </div>
      </form>
    </Dialog>
  );
}
