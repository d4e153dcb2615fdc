import { useMemo, useState } from "react";
import type { Graph } from "../../model/definition";
import type { HistoryEvent, Run } from "../../model/history";
import { suggestedOutput, waitingOf } from "../../model/waiting";
import { Icon } from "../../ui/Icon";
import { Duration } from "../../ui/parts";
import { AnswerDialog } from "./AnswerDialog";

/** States that are named one by one; a Map may wait for many. */
const NAMED_MAX = 3;

/** Says which states wait for somebody, so that whoever comes to answer need not look for them. */
export function WaitingBanner({ executionArn, run, events, graph }: {
  executionArn: string;
  run: Run;
  events: readonly HistoryEvent[];
  graph: Graph | null;
}) {
  const [answered, setAnswered] = useState<number | null>(null);
  const waiting = useMemo(() => waitingOf(run, events, graph).filter((one) => one.kind === "token"), [run, events, graph]);
  const chosen = waiting.find((one) => one.visit.index === answered);
  if (waiting.length === 0) return null;
  return (
    <section className="note tone-busy waits" aria-label="Waits for an answer">
      <Icon name="pause" />
      <div>
        {waiting.slice(0, NAMED_MAX).map((one) => (
          <p key={one.visit.index}>
            <strong>{one.visit.name}</strong>
            {one.visit.iteration === null ? "" : ` [${one.visit.iteration}]`} waits for an answer, for <Duration from={one.visit.enteredAt} to={null} />{" "}
            <button type="button" className="button is-main is-small" onClick={() => setAnswered(one.visit.index)}>
              Answer
            </button>
          </p>
        ))}
        {waiting.length > NAMED_MAX && <p className="quiet">and {(waiting.length - NAMED_MAX).toLocaleString("en")} more states do</p>}
      </div>
      {chosen && <AnswerDialog waiting={chosen} suggested={suggestedOutput(graph, chosen.visit.name)} executionArn={executionArn} onClose={() => setAnswered(null)} />}
    </section>
  );
}
