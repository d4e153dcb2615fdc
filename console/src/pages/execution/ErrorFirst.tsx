import { framesOf, isMinified, ownPlace, placeText, readCause, retryStory } from "../../model/failure";
import type { Frame } from "../../model/failure";
import { caughtBefore } from "../../model/history";
import type { Run, Visit } from "../../model/history";
import { Icon } from "../../ui/Icon";
import { CopyButton } from "../../ui/parts";

const TITLES = { FAILED: "Failed", ABORTED: "Aborted", TIMED_OUT: "Timed out", SUCCEEDED: "" } as const;

/** Why an execution ended without success, before anything else of it. */
export function ErrorFirst({ run, culprit, onChoose }: { run: Run; culprit: Visit | null; onChoose: (visit: Visit) => void }) {
  const caught = caughtBefore(run, culprit);
  const failure = run.failure ?? culprit?.attempts.at(-1)?.failure ?? null;
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
        <CauseView cause={failure?.cause ?? ""} />
        {story && <p className="quiet">{story}.</p>}
        {caught !== null && <Caught visit={caught} onChoose={onChoose} />}
      </div>
    </section>
  );
}

/** The error that was caught on the way to the end. */
function Caught({ visit, onChoose }: { visit: Visit; onChoose: (visit: Visit) => void }) {
  const failure = visit.attempts.at(-1)?.failure ?? null;
  const story = retryStory(visit);
  return (
    <div className="caught-before">
      <p>
        After <strong>{failure?.error || "an error"}</strong> in{" "}
        <button type="button" className="link" onClick={() => onChoose(visit)}>
          {visit.name}
          {visit.iteration === null ? "" : ` [${visit.iteration}]`}
        </button>
        , which was caught:
      </p>
      <CauseView cause={failure?.cause ?? ""} />
      {story && <p className="quiet">{story}.</p>}
    </div>
  );
}

/** What a cause says, where in the code that was, and the trace. */
export function CauseView({ cause: text }: { cause: string }) {
  const cause = readCause(text);
  const frames = cause.stack === null ? [] : framesOf(cause.stack);
  const own = ownPlace(frames);
  return (
    <>
      {cause.message && <p className="cause">{cause.message}</p>}
      {own?.place && (
        <p className="code-place">
          <Icon name="right" size={12} />
          <code className="strong" title={own.place.path}>
            {placeText(own.place)}
          </code>
          {own.callee && (
            <span>
              in <code>{own.callee}</code>
            </span>
          )}
          <CopyButton text={`${own.place.path}:${own.place.line}${own.place.column === null ? "" : `:${own.place.column}`}`} label="Copy the file and line" />
        </p>
      )}
      {own?.place && isMinified(own.place) && (
        <p className="quiet">
          This is bundled code without a source map: <code>Sourcemap: true</code> in the function's <code>BuildProperties</code> leads to the lines that were written.
        </p>
      )}
      {frames.length > 0 && <Stack frames={frames} text={cause.stack?.join("\n") ?? ""} isOpen={!own?.place} />}
    </>
  );
}

/** All lines, folded: where it was thrown is said before. Those of the application's own code stand out. */
function Stack({ frames, text, isOpen }: { frames: readonly Frame[]; text: string; isOpen: boolean }) {
  const own = frames.filter((frame) => frame.isOwn).length;
  const counts = [own > 0 ? `${own} of its own code` : "", own < frames.length ? `${frames.length - own} of the runtime and of packages` : ""].filter(Boolean).join(", ");
  return (
    <details className="others" open={isOpen}>
      <summary>Stack trace: {counts}</summary>
      <div className="stack-box">
        <pre className="stack" tabIndex={0} aria-label="Stack trace">
          {frames.map((frame, index) => (
            <span key={index} className={frame.isOwn ? "strong" : "frame-foreign"}>
              {frame.text}
              {"\n"}
            </span>
          ))}
        </pre>
        <CopyButton text={text} label="Copy the stack trace" />
      </div>
    </details>
  );
}
