import { framesOf, readCause, retryStory } from "../../model/failure";
import type { Run, Visit } from "../../model/history";
import { Icon } from "../../ui/Icon";

const TITLES = { FAILED: "Failed", ABORTED: "Aborted", TIMED_OUT: "Timed out", SUCCEEDED: "" } as const;

/** Why an execution ended without success, before anything else of it. */
export function ErrorFirst({ run, culprit, onChoose }: { run: Run; culprit: Visit | null; onChoose: (visit: Visit) => void }) {
  const failure = run.failure ?? culprit?.attempts.at(-1)?.failure ?? null;
  const cause = readCause(failure?.cause ?? "");
  const story = culprit === null ? "" : retryStory(culprit);
  const isBad = run.ending !== "ABORTED";
  return (
    <section className={`error-first ${isBad ? "tone-bad" : "tone-quiet"}`} aria-label="Why it ended">
      <Icon name={isBad ? "cross" : "stop"} size={18} />
      <div>
        <h2>
          {failure?.error || (run.ending === null ? "" : TITLES[run.ending])}
          {culprit !== null && (
            <>
              {" "}
              in{" "}
              <button type="button" className="link" onClick={() => onChoose(culprit)}>
                {culprit.name}
                {culprit.iteration === null ? "" : ` [${culprit.iteration}]`}
              </button>
            </>
          )}
        </h2>
        {cause.message && <p className="cause">{cause.message}</p>}
        {story && <p className="quiet">{story}.</p>}
        {cause.stack !== null && <Stack stack={cause.stack} />}
      </div>
    </section>
  );
}

/** The lines of the handler's own code; those of the runtime below it when they are asked for. */
function Stack({ stack }: { stack: readonly string[] }) {
  const frames = framesOf(stack);
  const lastOwn = frames.findLastIndex((frame) => frame.isOwn);
  const [own, others] = lastOwn < 0 ? [frames, []] : [frames.slice(0, lastOwn + 1), frames.slice(lastOwn + 1)];
  if (frames.length === 0) return null;
  return (
    <>
      <pre className="stack" tabIndex={0} aria-label="Stack trace">
        {own.map((frame) => frame.text).join("\n")}
      </pre>
      {others.length > 0 && (
        <details className="others">
          <summary>{others.length} more of the runtime</summary>
          <pre className="stack" tabIndex={0} aria-label="Rest of the stack trace">
            {others.map((frame) => frame.text).join("\n")}
          </pre>
        </details>
      )}
    </>
  );
}
