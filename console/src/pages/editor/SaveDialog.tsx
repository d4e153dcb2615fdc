import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { states } from "../../api/call";
import type { States } from "../../api/generated";
import { accountQuery, machineQuery } from "../../api/queries";
import { readDefinition } from "../../model/definition";
import { diffDefinitions, diffText } from "../../model/definitionDiff";
import { openedText } from "../../model/document";
import type { Document } from "../../model/document";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { ErrorNote, Waiting } from "../../ui/parts";
import { newRole } from "./starting";
import { findingsOfError } from "./validation";
import type { Finding } from "./validation";

const CodeDiff = lazy(() => import("../../ui/CodeDiff"));

export interface Saved {
  readonly arn: string;
  readonly revisionId: string | null;
  readonly versionArn: string | null;
}

interface Given {
  /** `null` where the state machine is to be created. */
  readonly arn: string | null;
  readonly type: States.StateMachineType;
  readonly onType: (type: States.StateMachineType) => void;
  readonly document: Document;
  /** What the text began with, and of which revision. */
  readonly base: { readonly text: string; readonly revisionId: string | null };
  readonly errors: number;
  readonly starts: boolean;
  readonly onClose: () => void;
  readonly onSaved: (saved: Saved, starts: boolean) => void;
  readonly onRefused: (findings: readonly Finding[]) => void;
}

/** Shows what will change, then saves it as a new revision, or creates the state machine. */
export function SaveDialog({ arn, type, onType, document, base, errors, starts, onClose, onSaved, onRefused }: Given) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const account = useQuery({ ...accountQuery, enabled: arn === null });
  const [role, setRole] = useState<string | null>(null);
  const roleArn = role ?? (account.data === undefined ? "" : newRole(account.data));
  const [publish, setPublish] = useState(false);
  const [description, setDescription] = useState("");
  // Somebody else may have saved since the page was opened: it is asked again, by itself.
  const newest = useQuery({
    queryKey: ["machine", arn, "before saving"],
    queryFn: ({ signal }) => states("DescribeStateMachine", { stateMachineArn: arn ?? "" }, signal),
    enabled: arn !== null,
    staleTime: 0,
    gcTime: 0,
  });
  const isOther = newest.data !== undefined && (newest.data.revisionId ?? null) !== base.revisionId;
  const before = isOther ? openedText(newest.data?.definition ?? "") : base.text;
  const summary = useMemo(() => summaryOf(before, document.text), [before, document.text]);
  const save = useMutation({
    mutationFn: async (_starts: boolean): Promise<Saved> => {
      const version = publish ? { publish, ...(description ? { versionDescription: description } : {}) } : {};
      if (arn === null) {
        const made = await states("CreateStateMachine", { name, roleArn, type, definition: document.text, loggingConfiguration: { level: "OFF" }, ...version });
        return { arn: made.stateMachineArn, revisionId: null, versionArn: made.stateMachineVersionArn ?? null };
      }
      // AWS has no condition for an update: the revision is looked at as late as can be.
      const now = await states("DescribeStateMachine", { stateMachineArn: arn });
      if ((now.revisionId ?? null) !== (newest.data?.revisionId ?? null)) {
        await newest.refetch();
        throw new Error("the state machine was changed while you looked at the difference; look at it again");
      }
      const updated = await states("UpdateStateMachine", { stateMachineArn: arn, definition: document.text, ...version });
      const revisionId = updated.revisionId ?? (await states("DescribeStateMachine", { stateMachineArn: arn })).revisionId;
      return { arn, revisionId: revisionId ?? null, versionArn: updated.stateMachineVersionArn ?? null };
    },
    onSuccess: (saved, starts) => {
      // The page knows what it has saved: it must not take its own text for somebody else's.
      queries.setQueryData(machineQuery(saved.arn).queryKey, (old) => (old === undefined ? old : { ...old, definition: document.text, ...(saved.revisionId === null ? {} : { revisionId: saved.revisionId }) }));
      void queries.invalidateQueries({ queryKey: ["machine", saved.arn] });
      void queries.invalidateQueries({ queryKey: ["versions", saved.arn] });
      void queries.invalidateQueries({ queryKey: ["machines"] });
      onSaved(saved, starts);
    },
    onError: (error) => onRefused(findingsOfError(document, error)),
  });
  // Until the newest revision is known there is nothing to save, and Enter would close the dialog.
  const main = useRef<HTMLButtonElement>(null);
  const isKnown = newest.data !== undefined;
  useEffect(() => {
    if (isKnown) main.current?.focus();
  }, [isKnown]);
  const isReady = (arn === null ? name !== "" && roleArn !== "" : newest.data !== undefined) && !save.isPending;
  return (
    <Dialog title={arn === null ? "Create the state machine" : "Save a new revision"} onClose={onClose} className="save-dialog">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) save.mutate(starts);
        }}
      >
        {arn === null ? (
          <div className="form-row">
            <label>
              Name
              <input data-first type="text" value={name} maxLength={80} onChange={(event) => setName(event.target.value)} />
            </label>
            <label>
              Type
              <select value={type} onChange={(event) => onType(event.target.value === "EXPRESS" ? "EXPRESS" : "STANDARD")}>
                <option value="STANDARD">Standard</option>
                <option value="EXPRESS">Express</option>
              </select>
            </label>
            <label className="grows">
              Role ARN
              <input type="text" value={roleArn} onChange={(event) => setRole(event.target.value)} />
            </label>
          </div>
        ) : (
          <>
            {isOther && (
              <div className="note tone-warn" role="alert">
                <Icon name="warning" />
                <div>
                  <strong>It was changed by somebody else</strong>
                  <p>What you see is the difference to the newest revision. Saving puts your text in its place.</p>
                </div>
              </div>
            )}
            {newest.error && <ErrorNote error={newest.error} onRetry={() => void newest.refetch()} />}
            <p className="with-icon">
              <Icon name="pencil" size={14} /> {summary}
            </p>
            <Suspense fallback={<Waiting what="the difference" />}>
              <CodeDiff before={before} after={document.text} label="What changes" />
            </Suspense>
          </>
        )}
        {errors > 0 && (
          <p className="with-icon tone-warn">
            <Icon name="warning" size={14} /> The definition has {errors} {errors === 1 ? "error" : "errors"}; the server will refuse it.
          </p>
        )}
        <div className="form-row">
          <label className="check">
            <input type="checkbox" checked={publish} onChange={(event) => setPublish(event.target.checked)} /> Publish as a version
          </label>
          {publish && (
            <label className="grows">
              Description of the version
              <input type="text" value={description} maxLength={256} onChange={(event) => setDescription(event.target.value)} />
            </label>
          )}
        </div>
        {account.error && <ErrorNote error={account.error} onRetry={() => void account.refetch()} />}
        {save.error && <ErrorNote error={save.error} />}
        <div className="actions">
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          {!starts && (
            <button type="button" className="button" disabled={!isReady} onClick={() => save.mutate(true)}>
              {arn === null ? "Create" : "Save"} and start
            </button>
          )}
          <button type="submit" className={`button ${isOther ? "is-danger" : "is-main"}`} disabled={!isReady} ref={main}>
            {arn === null ? "Create" : isOther ? "Save over it" : "Save"}
            {starts && " and start"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function summaryOf(before: string, after: string): string {
  const [old, now] = [readDefinition(before), readDefinition(after)];
  if (old === null || now === null) return "The text differs; it is no definition";
  const diff = diffDefinitions(old, now, JSON.parse(before), JSON.parse(after));
  return diffText(diff);
}
