import { useMemo, useState } from "react";
import type { Pane } from "../../model/dataFlow";
import { diffJson, diffSummary } from "../../model/jsonDiff";
import { variablesJson } from "../../model/variables";
import type { Around } from "../../model/variables";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { Icon } from "../../ui/Icon";
import { Json } from "../../ui/Json";
import { JsonDiff } from "../../ui/JsonDiff";

const SOURCES = { recorded: "", derived: "follows from the definition", absent: "not yet", unrecorded: "not in the history" } as const;

/**
 * A state's data on its way from input to output, each step beside what it made of the one before.
 *
 * - `isWide`: whether there is room for all of them at one time.
 */
export function DataFlow({ panes, isOver, isWide = false }: { panes: readonly Pane[]; isOver: boolean; isWide?: boolean }) {
  return (
    <div className="flow">
      {panes.map((pane, index) => (
        <Step key={`${pane.name} ${isWide}`} pane={pane} others={othersOf(panes, index)} isOver={isOver} isWide={isWide} />
      ))}
    </div>
  );
}

/** What a step is compared with: its neighbour; the output, which the input is often part of, with that first. */
function othersOf(panes: readonly Pane[], index: number): Pane[] {
  const known = panes.slice(0, index).filter((pane) => pane.json !== null);
  const [input, neighbour] = [known[0], known.at(-1)];
  if (neighbour === undefined) return [];
  return panes[index]?.name === "output" && input !== undefined && input !== neighbour ? [input, neighbour] : [neighbour];
}

/** Steps of which the changes are shown first: a result has nothing of what was sent, and ends are read whole. */
const CHANGES_FIRST: readonly Pane["name"][] = ["afterInputPath", "arguments", "afterResultSelector"];

function Step({ pane, others, isOver, isWide }: { pane: Pane; others: readonly Pane[]; isOver: boolean; isWide: boolean }) {
  const first = others[0]?.json ?? null;
  const summary = useMemo(() => {
    const diff = pane.json === null || first === null ? null : diffJson(first, pane.json, 1);
    return diff === null ? null : diffSummary(diff);
  }, [pane.json, first]);
  const isSame = summary === "unchanged";
  const [isOpen, setOpen] = useState(pane.json !== null && (isWide || pane.name === "input" || (pane.name === "output" && !isSame)));
  const [shown, setShown] = useState<Pane["name"] | "value">((CHANGES_FIRST.includes(pane.name) ? others[0]?.name : undefined) ?? "value");
  const other = others.find((one) => one.name === shown);
  const source = pane.source === "absent" && isOver ? "unrecorded" : pane.source;
  const isCompared = pane.json !== null && others.length > 0 && !(isSame && others.length === 1);
  return (
    <details className="pane" open={isOpen} onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
      <summary>
        <span>{pane.title}</span> <span className="quiet">{SOURCES[source]}</span>
        {summary !== null && <span className={isSame ? "pane-same quiet" : "pane-changes"}>{summary}</span>}
      </summary>
      {isOpen && (
        <>
          {pane.field !== null && <code className="pane-field">{pane.field}</code>}
          {isCompared && (
            <Choice<Pane["name"] | "value">
              label={`How ${pane.title} is shown`}
              className="pane-choice"
              options={[["value", "Value"], ...others.map((one): Option<Pane["name"]> => [one.name, `Changes to ${one.title}`])]}
              chosen={other?.name ?? "value"}
              onChoose={setShown}
            />
          )}
          {pane.json !== null &&
            (isCompared && other !== undefined && other.json !== null ? (
              <JsonDiff before={other.json} after={pane.json} label={`${pane.title}, what changed`} />
            ) : (
              <Json text={pane.json} label={pane.title} />
            ))}
        </>
      )}
    </details>
  );
}

/** Variables before and after a state; nothing where there are none. */
export function VariablesAround({ around, isOver }: { around: Around; isOver: boolean }) {
  const [before, after] = useMemo(() => [variablesJson(around.before), variablesJson(around.after)], [around]);
  if (around.before.size === 0 && around.after.size === 0) return null;
  return (
    <section>
      <h3>
        <Icon name="list" size={13} /> Variables
      </h3>
      {around.before === around.after ? (
        <>
          <p className="quiet">{isOver ? "It assigned none; these are what it saw." : "As the state sees them."}</p>
          <Json text={after} label="Variables" />
        </>
      ) : (
        <JsonDiff before={before} after={after} label="Variables before and after" />
      )}
    </section>
  );
}
