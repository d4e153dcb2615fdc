/** What the server has to say about a text while it is typed. */

import { useEffect, useState } from "react";
import { ApiError, states } from "../../api/call";
import type { States } from "../../api/generated";
import { pointerOfLocation } from "../../model/document";
import type { Document } from "../../model/document";

export interface Finding {
  /** What it is about; the nearest thing that is there. */
  readonly pointer: string;
  readonly severity: "error" | "warning";
  /** `SCHEMA_VALIDATION_FAILED`; `JSON` where the text is none. */
  readonly code: string;
  readonly message: string;
  /** Where in the text, if that is more than the pointer says. */
  readonly range?: { readonly from: number; readonly to: number };
}

export interface Validation {
  readonly findings: readonly Finding[];
  /** Whether they are about the text as it is now. */
  readonly isCurrent: boolean;
  /** Whether the server has more of them. */
  readonly isCut: boolean;
  /** Why the server could not be asked. */
  readonly error: unknown;
}

/** After the last letter; who types on is not interrupted. */
const QUIET_MS = 250;
const RETRY_MS = 2_000;
/** AWS: a definition has at most 1 MiB, and one answer at most 100 diagnostics. */
const TEXT_MAX = 1_048_576;
const FINDINGS_MAX = 100;

const NOTHING: Validation = { findings: [], isCurrent: false, isCut: false, error: null };

/** Findings of a document, the newest text's. At most one question is on its way. */
export function useValidation(document: Document, type: States.StateMachineType): Validation {
  const { text, problem } = document;
  const [answer, setAnswer] = useState<{ readonly text: string; readonly type: string; readonly validation: Validation } | null>(null);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    if (problem !== null || text.length > TEXT_MAX) return;
    const abort = new AbortController();
    const give = (validation: Validation): void => {
      if (!abort.signal.aborted) setAnswer({ text, type, validation });
    };
    let retry: ReturnType<typeof setTimeout> | undefined;
    // A server that is away is asked again, by a page that somebody sees.
    const retryLater = (): void => {
      if (!abort.signal.aborted) retry = setTimeout(() => (window.document.hidden ? retryLater() : setAgain((count) => count + 1)), RETRY_MS);
    };
    const timer = setTimeout(() => {
      states("ValidateStateMachineDefinition", { definition: text, type, severity: "WARNING", maxResults: FINDINGS_MAX }, abort.signal).then(
        (reply) => give({ findings: findingsOf(document, reply.diagnostics), isCurrent: true, isCut: reply.truncated ?? false, error: null }),
        (error: unknown) => {
          give({ ...NOTHING, error });
          if (error instanceof ApiError && error.isPassing) retryLater();
        },
      );
    }, QUIET_MS);
    return () => {
      clearTimeout(timer);
      clearTimeout(retry);
      abort.abort();
    };
    // The document is its text; `again` asks once more.
  }, [text, type, problem, again]);
  if (problem !== null) {
    const { from, to, message } = problem;
    return { findings: [{ pointer: "", severity: "error", code: "JSON", message, range: { from, to } }], isCurrent: true, isCut: false, error: null };
  }
  if (text.length > TEXT_MAX) {
    const message = `a definition has at most ${TEXT_MAX.toLocaleString("en")} characters, this one has ${text.length.toLocaleString("en")}`;
    return { findings: [{ pointer: "", severity: "error", code: "SIZE", message }], isCurrent: true, isCut: false, error: null };
  }
  if (answer === null) return NOTHING;
  return answer.text === text && answer.type === type ? answer.validation : { ...answer.validation, isCurrent: false };
}

function findingsOf(document: Document, diagnostics: readonly States.ValidateStateMachineDefinitionDiagnostic[]): Finding[] {
  return diagnostics.map(({ severity, code, message, location }) => ({
    pointer: pointerOfLocation(document, location ?? ""),
    severity: severity === "WARNING" ? "warning" : "error",
    code,
    message,
  }));
}

/** The diagnostics in the text of `InvalidDefinition`: `CODE: message at /location, CODE: ...`. */
export function findingsOfError(document: Document, error: unknown): Finding[] {
  if (!(error instanceof ApiError) || error.code !== "InvalidDefinition") return [];
  return [...error.message.matchAll(/([A-Z][A-Z_]+): (.*?) at (\/.*?|null)(?=, [A-Z][A-Z_]+: |'?$)/gs)].slice(0, FINDINGS_MAX).map(([, code = "", message = "", location = ""]) => ({
    pointer: pointerOfLocation(document, location === "null" ? "" : location),
    severity: "error",
    code,
    message,
  }));
}
