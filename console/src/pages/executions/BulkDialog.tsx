import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { ApiError, states, toldBy } from "../../api/call";
import { searchExecutions } from "../../api/lists";
import { executionPath, nameOf } from "../../model/arn";
import { forEach, patiently, planOf, targetOf, whyNot } from "../../model/bulk";
import type { Action, Plan, Target } from "../../model/bulk";
import { askOf } from "../../model/search";
import type { Choice } from "../../model/search";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { CopyButton, ErrorNote } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";

/** Requests at one time. */
const CONCURRENCY = 8;
/** Executions that one action is about; who has more does it again. */
const TARGETS_MAX = 20_000;
/** Names that are told of those that are not touched for one reason. */
const NAMES_SHOWN_MAX = 5;
/** Waits before a request that was throttled is made again. */
const WAITS_MS = [200, 500, 1_000, 2_000, 4_000];

const WORDS = {
  stop: { verb: "Stop", does: "stopped", title: "Stop executions" },
  redrive: { verb: "Redrive", does: "redriven", title: "Redrive executions" },
} as const;

/** How one execution came out of it. */
interface Outcome {
  readonly target: Target;
  /** `null` where it was done. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

type Step =
  | { readonly kind: "reading"; readonly found: number; readonly looked: number; readonly described: number }
  | { readonly kind: "planned"; readonly plan: Plan; readonly isCut: boolean }
  | { readonly kind: "running"; readonly total: number }
  | { readonly kind: "done"; readonly total: number; readonly isCancelled: boolean };

const isPassing = (error: unknown): boolean => error instanceof ApiError && error.isPassing;

/** Stops or redrives many executions: first says what it would do, then does it, and says what came of each. */
export default function BulkDialog(props: {
  action: Action;
  /** Those that were selected; `null` for all that the choice finds. */
  targets: readonly Target[] | null;
  machineArn: string | null;
  choice: Choice;
  onClose: () => void;
}) {
  const { action, targets, machineArn, choice, onClose } = props;
  const words = WORDS[action];
  const [step, setStep] = useState<Step>({ kind: "reading", found: 0, looked: 0, described: 0 });
  const [problem, setProblem] = useState<unknown>(null);
  const [error, setError] = useState("");
  const [cause, setCause] = useState("");
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([]);
  const cancel = useRef(new AbortController());

  // What it is about is fixed when it is opened.
  useEffect(() => {
    const abort = new AbortController();
    cancel.current = abort;
    const { signal } = abort;
    const plan = async (): Promise<void> => {
      const { found, isCut } = await candidates(targets, () => askOf(choice, machineArn, Date.now()), signal, (found, looked) =>
        setStep({ kind: "reading", found, looked, described: 0 }),
      );
      const asked = action === "redrive" ? await described(found, signal, (described) => setStep({ kind: "reading", found: found.length, looked: 0, described })) : found;
      setStep({ kind: "planned", plan: planOf(action, asked), isCut });
    };
    plan().catch((reason: unknown) => signal.aborted || setProblem(reason));
    return () => abort.abort();
  }, []);

  const run = async (touched: readonly Target[]): Promise<void> => {
    const { signal } = cancel.current;
    setStep({ kind: "running", total: touched.length });
    const all: Outcome[] = [];
    let drawing: ReturnType<typeof setTimeout> | undefined;
    await forEach(
      touched,
      CONCURRENCY,
      ({ executionArn }) =>
        patiently<unknown>(
          () =>
            action === "stop"
              ? states("StopExecution", { executionArn, ...(error ? { error } : {}), ...(cause ? { cause } : {}) })
              : states("RedriveExecution", { executionArn }),
          (reason) => isPassing(reason) && !signal.aborted,
          WAITS_MS,
        ),
      signal,
      (result) => {
        all.push({ target: result.item, error: "error" in result ? toldBy(result.error) : null });
        // Thousands of results are drawn some times a second, not each.
        drawing ??= setTimeout(() => {
          drawing = undefined;
          setOutcomes([...all]);
        }, 120);
      },
    );
    clearTimeout(drawing);
    setOutcomes(all);
    setStep({ kind: "done", total: touched.length, isCancelled: signal.aborted });
  };

  return (
    <Dialog title={words.title} onClose={step.kind === "running" ? () => cancel.current.abort() : onClose} className="bulk">
      {problem !== null && <ErrorNote error={problem} />}
      {problem === null && step.kind === "reading" && (
        <p className="waiting" role="status">
          <Icon name="running" />
          {step.described > 0
            ? `Asking each: ${step.described.toLocaleString("en")} of ${step.found.toLocaleString("en")}`
            : `Looking for what matches: ${step.found.toLocaleString("en")} found${step.looked > 0 ? `, ${step.looked.toLocaleString("en")} looked at` : ""}`}
        </p>
      )}
      {step.kind === "planned" && (
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            void run(step.plan.touched);
          }}
        >
          <PlanView action={action} plan={step.plan} isCut={step.isCut} />
          {action === "stop" && step.plan.touched.length > 0 && (
            <>
              <label>
                Error <span className="quiet">(optional; in the history and in DescribeExecution)</span>
                <input type="text" maxLength={256} value={error} onChange={(event) => setError(event.target.value)} />
              </label>
              <label>
                Cause <span className="quiet">(optional)</span>
                <input type="text" maxLength={32_768} value={cause} onChange={(event) => setCause(event.target.value)} />
              </label>
            </>
          )}
          <div className="actions">
            <span className="space" />
            <button type="button" className="button" onClick={onClose} data-first>
              {step.plan.touched.length > 0 ? "Cancel" : "Close"}
            </button>
            {step.plan.touched.length > 0 && (
              <button type="submit" className={action === "stop" ? "button is-danger" : "button is-main"}>
                <Icon name={action === "stop" ? "stop" : "redo"} size={13} /> {words.verb} {counted(step.plan.touched.length)}
              </button>
            )}
          </div>
        </form>
      )}
      {(step.kind === "running" || step.kind === "done") && (
        <Progress action={action} step={step} outcomes={outcomes} onCancel={() => cancel.current.abort()} onClose={onClose} />
      )}
    </Dialog>
  );
}

const counted = (count: number): string => `${count.toLocaleString("en")} ${count === 1 ? "execution" : "executions"}`;

/** What a dry run says. */
function PlanView({ action, plan, isCut }: { action: Action; plan: Plan; isCut: boolean }) {
  const { touched, spared } = plan;
  const all = touched.length + spared.reduce((sum, [, those]) => sum + those.length, 0);
  return (
    <section aria-label="Dry run" className="plan">
      <p role="status">
        <strong>{touched.length.toLocaleString("en")}</strong> of {counted(all)} would be {WORDS[action].does}. Nothing is done yet.
      </p>
      {isCut && <p className="quiet">More match: these are the first {TARGETS_MAX.toLocaleString("en")}. Do it again for the rest, or narrow the filters.</p>}
      {spared.length > 0 && (
        <table className="facts-table">
          <caption>Not touched</caption>
          <thead>
            <tr>
              <th scope="col">Count</th>
              <th scope="col">Why</th>
              <th scope="col">Which</th>
            </tr>
          </thead>
          <tbody>
            {spared.map(([reason, those]) => (
              <tr key={reason}>
                <td className="number">{those.length.toLocaleString("en")}</td>
                <td>{reason}</td>
                <td className="quiet">
                  {those.slice(0, NAMES_SHOWN_MAX).map((one) => one.name).join(", ")}
                  {those.length > NAMES_SHOWN_MAX ? ", …" : ""}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const COLUMNS: readonly Column<Outcome>[] = [
  {
    id: "name",
    title: "Execution",
    width: "minmax(0, 1fr)",
    cell: ({ target }) => (
      <Link className="mono" href={executionPath(target.executionArn)}>
        {target.name || nameOf(target.executionArn)}
      </Link>
    ),
  },
  {
    id: "result",
    title: "Result",
    width: "minmax(0, 1.6fr)",
    cell: ({ error }) =>
      error === null ? (
        <span className="tone-good">
          <Icon name="check" size={12} /> Done
        </span>
      ) : (
        <span className="tone-bad" title={error.message}>
          <Icon name="cross" size={12} /> {error.code}: {error.message}
        </span>
      ),
  },
];

function Progress(props: {
  action: Action;
  step: { readonly kind: "running" | "done"; readonly total: number; readonly isCancelled?: boolean };
  outcomes: readonly Outcome[];
  onCancel: () => void;
  onClose: () => void;
}) {
  const { action, step, outcomes, onCancel, onClose } = props;
  const failed = outcomes.filter((one) => one.error !== null);
  const done = outcomes.length - failed.length;
  const left = step.total - outcomes.length;
  // What went wrong comes first.
  const rows = [...failed, ...outcomes.filter((one) => one.error === null)];
  const text = rows.map(({ target, error }) => [target.executionArn, error?.code ?? "done", error?.message ?? ""].join("\t")).join("\n");
  return (
    <div className="form">
      <progress max={step.total} value={outcomes.length} aria-label="Progress" />
      <p role="status">
        {done.toLocaleString("en")} {WORDS[action].does}
        {failed.length > 0 && <span className="tone-bad">, {failed.length.toLocaleString("en")} failed</span>}
        {step.kind === "running"
          ? `, ${left.toLocaleString("en")} to go`
          : step.isCancelled && left > 0
            ? `, ${left.toLocaleString("en")} left as they were: cancelled`
            : ""}
        .
      </p>
      {outcomes.length > 0 && <Rows label="Results" rows={rows} columns={COLUMNS} rowHeight={30} keyOf={(one) => one.target.executionArn} />}
      <div className="actions">
        {step.kind === "done" && (
          <CopyButton text={text} label="Copy the results, a line each">
            Results
          </CopyButton>
        )}
        <span className="space" />
        {step.kind === "running" ? (
          <button type="button" className="button is-danger" onClick={onCancel}>
            Cancel
          </button>
        ) : (
          <button type="button" className="button is-main" onClick={onClose}>
            Close
          </button>
        )}
      </div>
    </div>
  );
}

/** The executions that it is about: those that were given, else all that are found. */
async function candidates(
  given: readonly Target[] | null,
  ask: () => ReturnType<typeof askOf>,
  signal: AbortSignal,
  onProgress: (found: number, looked: number) => void,
): Promise<{ found: readonly Target[]; isCut: boolean }> {
  if (given !== null) return { found: given, isCut: false };
  const asked = ask();
  const found = new Map<string, Target>();
  let looked = 0;
  for (let next: string | null | undefined; next !== null && !signal.aborted; ) {
    const page = await searchExecutions({ ...asked, limit: 100, ...(next === undefined ? {} : { next }) }, signal);
    for (const one of page.executions) found.set(one.executionArn, targetOf(one));
    next = page.next;
    looked += page.looked.executions;
    onProgress(found.size, looked);
    if (found.size >= TARGETS_MAX && next !== null) return { found: [...found.values()].slice(0, TARGETS_MAX), isCut: true };
  }
  return { found: [...found.values()], isCut: false };
}

/** Asks of each that may be redriven whether it can be: the list does not say. */
async function described(targets: readonly Target[], signal: AbortSignal, onProgress: (described: number) => void): Promise<Target[]> {
  const asked = new Map<string, Target>(targets.map((one) => [one.executionArn, one]));
  const open = targets.filter((one) => whyNot("redrive", one) === null);
  let count = 0;
  let failure: unknown = null;
  await forEach(
    open,
    CONCURRENCY,
    ({ executionArn }) => patiently(() => states("DescribeExecution", { executionArn, includedData: "METADATA_ONLY" }, signal), isPassing, WAITS_MS),
    signal,
    (result) => {
      count += 1;
      if (count % 50 === 0 || count === open.length) onProgress(count);
      if ("value" in result) asked.set(result.item.executionArn, targetOf(result.value));
      // One that is gone by now is told by the action itself.
      else if (!(result.error instanceof ApiError && result.error.code === "ExecutionDoesNotExist")) failure ??= result.error;
    },
  );
  if (failure !== null) throw failure;
  return [...asked.values()];
}
