import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { invoke } from "../../api/call";
import { functionVersionsQuery } from "../../api/functions";
import { projectQuery } from "../../api/start";
import { readAgain } from "../../live/again";
import { notJson } from "../../model/json";
import { NAME_LENGTH_MAX, removeEvent, savedEvents, saveEvent } from "../../model/savedEvents";
import type { SavedEvent } from "../../model/savedEvents";
import { durationText } from "../../model/time";
import { Icon } from "../../ui/Icon";
import { Json } from "../../ui/Json";
import { submitOnCtrlEnter } from "../../ui/keys";
import { keptStorage } from "../../ui/kept";
import { ErrorNote, Fact } from "../../ui/parts";

/** AWS: the version that is the newest code. */
const LATEST = "$LATEST";

/** Runs a function with an event, which may be kept under a name, and shows its result with the tail of its log. */
export function Invoke({ name, arn }: { name: string; arn: string }) {
  const client = useQueryClient();
  const [event, setEvent] = useState("{}");
  const project = useQuery(projectQuery);
  const { versions = [], aliases = [] } = useQuery(functionVersionsQuery(name)).data ?? {};
  const qualifiers = [...aliases.map((alias) => alias.Name ?? ""), ...versions.map((one) => one.Version ?? "").filter((version) => version !== LATEST)];
  const [qualifier, setQualifier] = useState(LATEST);
  const samples = (project.data?.samples ?? []).filter((one) => one.fits.includes(arn));
  const run = useMutation({
    mutationFn: async (payload: string) => {
      const began = performance.now();
      const answer = await invoke({ FunctionName: name, Payload: payload, ...(qualifier === LATEST ? {} : { Qualifier: qualifier }) });
      return { ...answer, tookMs: performance.now() - began };
    },
    onSettled: () => readAgain(client, ["functionMetrics", name]),
  });
  const problem = notJson(event);
  return (
    <div className="columns">
      <section>
        <h2>Event</h2>
        <Events functionName={name} text={event} onChoose={setEvent} samples={samples.map((one) => ({ name: one.name, text: one.content }))} />
        <form
          className="form"
          onSubmit={(submitted) => {
            submitted.preventDefault();
            if (problem === null && !run.isPending) run.mutate(event);
          }}
        >
          <textarea
            rows={14}
            spellCheck={false}
            value={event}
            aria-label="Event"
            aria-invalid={problem !== null}
            aria-describedby="event-problem"
            onChange={(changed) => setEvent(changed.target.value)}
            onKeyDown={submitOnCtrlEnter}
          />
          <div className="actions">
            <p id="event-problem" className={problem === null ? "quiet" : "tone-bad"} role="status">
              {problem ?? "JSON. Ctrl Enter invokes."}
            </p>
            <span className="space" />
            {qualifiers.length > 0 && (
              <select aria-label="Version or alias" value={qualifier} onChange={(changed) => setQualifier(changed.target.value)}>
                {[LATEST, ...qualifiers].map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
            <button type="submit" className="button is-main" disabled={run.isPending || problem !== null}>
              <Icon name={run.isPending ? "running" : "play"} size={13} /> Invoke
            </button>
          </div>
        </form>
      </section>
      <section aria-label="Result">
        <h2>Result</h2>
        {run.error && <ErrorNote error={run.error} />}
        {run.isPending && <p className="quiet">It runs.</p>}
        {!run.data && !run.error && !run.isPending && <p className="quiet">None yet.</p>}
        {run.data && (
          <div role="status" className="form">
            <dl className="facts">
              <Fact name="Outcome">
                {run.data.error === null ? (
                  <span className="tone-good">
                    <Icon name="check" size={12} /> Succeeded
                  </span>
                ) : (
                  <span className="tone-bad">
                    <Icon name="cross" size={12} /> Failed: {run.data.error}
                  </span>
                )}
              </Fact>
              <Fact name="Took">{durationText(run.data.tookMs)}</Fact>
              {run.data.version && <Fact name="Version">{run.data.version}</Fact>}
            </dl>
            <Json text={run.data.payload} label="the result" />
            {run.data.logTail && (
              <>
                <h3>Log, its last 4 KB</h3>
                <pre className="log" tabIndex={0} aria-label="Log">
                  {run.data.logTail}
                </pre>
              </>
            )}
          </div>
        )}
      </section>
    </div>
  );
}

/** Events to begin with: those that are kept in this browser, and the samples of the project that fit. */
function Events(props: {
  functionName: string;
  text: string;
  onChoose: (text: string) => void;
  samples: readonly { readonly name: string; readonly text: string | null }[];
}) {
  const { functionName, text, onChoose, samples } = props;
  const [kept, setKept] = useState<readonly SavedEvent[]>(() => savedEvents(keptStorage(), functionName));
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const change = (act: () => readonly SavedEvent[]): void => {
    try {
      setKept(act());
      setProblem(null);
    } catch (reason) {
      // A browser says so when its storage is full.
      setProblem(reason instanceof Error ? reason.message : String(reason));
    }
  };
  const isKept = kept.some((one) => one.name === name.trim());
  return (
    <>
      <div className="actions">
        <select
          aria-label="Saved and sample events"
          value={isKept ? `kept:${name.trim()}` : ""}
          onChange={({ target: { value } }) => {
            const kind = value.slice(0, value.indexOf(":"));
            const chosen = value.slice(kind.length + 1);
            const found = (kind === "kept" ? kept : samples).find((one) => one.name === chosen);
            if (found === undefined || found.text === null) return;
            setName(kind === "kept" ? chosen : "");
            onChoose(found.text);
          }}
        >
          <option value="">{kept.length + samples.length === 0 ? "No saved events" : "Saved events"}</option>
          {kept.map((one) => (
            <option key={one.name} value={`kept:${one.name}`}>
              {one.name}
            </option>
          ))}
          {samples.length > 0 && (
            <optgroup label="Of the project">
              {samples.map((one) => (
                <option key={one.name} value={`sample:${one.name}`} disabled={one.text === null}>
                  {one.name}
                  {one.text === null ? " (too large)" : ""}
                </option>
              ))}
            </optgroup>
          )}
        </select>
        <input
          type="text"
          className="words"
          aria-label="Name of the event"
          placeholder="Name"
          maxLength={NAME_LENGTH_MAX}
          value={name}
          onChange={(changed) => setName(changed.target.value)}
        />
        <button
          type="button"
          className="button"
          disabled={name.trim() === ""}
          title="Keeps the event in this browser"
          onClick={() => change(() => saveEvent(keptStorage(), functionName, { name, text }))}
        >
          Save
        </button>
        <button
          type="button"
          className="button"
          disabled={!isKept}
          onClick={() => {
            change(() => removeEvent(keptStorage(), functionName, name.trim()));
            setName("");
          }}
        >
          Remove
        </button>
      </div>
      {problem !== null && (
        <p className="tone-bad" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
