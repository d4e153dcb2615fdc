import { readCause, retryStory } from "../../model/failure";
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
        {cause.stack !== null && cause.stack.length > 0 && (
          <pre className="stack" tabIndex={0} aria-label="Stack trace">
            {cause.stack.map((line, index) => (
              <div key={index} className={/node_modules|node:internal|\/var\/runtime/.test(line) ? "quiet" : ""}>
                {line}
              </div>
            ))}
          </pre>
        )}
      </div>
    </section>
  );
}
