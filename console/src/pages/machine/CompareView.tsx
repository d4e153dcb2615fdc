import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { machineQuery, versionsQuery } from "../../api/queries";
import { qualifierOf } from "../../model/arn";
import { readDefinition } from "../../model/definition";
import { diffDefinitions, diffText } from "../../model/definitionDiff";
import type { DefinitionDiff, FieldChange } from "../../model/definitionDiff";
import { draftOf } from "../../model/drafts";
import { openedText } from "../../model/document";
import { CHANGE_LOOKS } from "../../model/status";
import { Icon } from "../../ui/Icon";
import { keptStorage } from "../../ui/kept";
import { CommandLine, Empty, ErrorNote, Pill, Waiting } from "../../ui/parts";
import { useQueryState } from "../../ui/useQueryState";
import GraphView from "../../ui/GraphView";
import "../../styles/editor.css";

const CodeDiff = lazy(() => import("../../ui/CodeDiff"));

/** Two definitions of one state machine: its newest revision, its versions, the draft that this browser keeps. */
export default function CompareView({ arn }: { arn: string }) {
  const [get, set] = useQueryState();
  const versions = useQuery(versionsQuery(arn));
  const draft = useMemo(() => draftOf(keptStorage(), arn), [arn]);
  if (versions.error) return <ErrorNote error={versions.error} onRetry={() => void versions.refetch()} />;
  if (!versions.data) return <Waiting what="versions" />;
  const numbers = versions.data.versions.map((version) => qualifierOf(version.stateMachineVersionArn));
  const choices: [id: string, text: string][] = [
    ["current", "Current revision"],
    ...(draft ? [["draft", "Your draft"] as [string, string]] : []),
    ...numbers.map((number): [string, string] => [number, `Version ${number}`]),
  ];
  if (choices.length < 2) {
    return (
      <Empty title="Nothing to compare yet">
        <p>A version keeps a definition as it was. Publish one when you save, or by:</p>
        <CommandLine line={`aws stepfunctions publish-state-machine-version --state-machine-arn ${arn} --endpoint-url ${window.location.origin}`} />
      </Empty>
    );
  }
  const from = get("from") ?? (draft ? "current" : (numbers[0] ?? "current"));
  const to = get("to") ?? (draft ? "draft" : "current");
  const select = (label: string, name: "from" | "to", value: string) => (
    <label className="with-icon">
      {label}
      <select aria-label={`Compare ${name}`} value={value} onChange={(event) => set({ [name]: event.target.value })}>
        {choices.map(([id, text]) => (
          <option key={id} value={id}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <div className="compare">
      <div className="filters">
        {select("From", "from", from)}
        <Icon name="right" size={13} />
        {select("to", "to", to)}
        <button type="button" className="button" onClick={() => set({ from: to, to: from })}>
          Swap
        </button>
      </div>
      <Compared key={`${from} ${to}`} arn={arn} from={from} to={to} draft={draft?.text ?? null} />
    </div>
  );
}

/** The definition with this name: `current`, `draft`, or the number of a version. */
function useDefinition(arn: string, id: string, draft: string | null) {
  const found = useQuery({ ...machineQuery(id === "current" || id === "draft" ? arn : `${arn}:${id}`), enabled: id !== "draft" });
  const text = id === "draft" ? (draft ?? undefined) : found.data?.definition;
  return { text: text === undefined ? undefined : openedText(text), error: id === "draft" && draft === null ? new Error("this browser keeps no draft of the state machine") : found.error };
}

function Compared({ arn, from, to, draft }: { arn: string; from: string; to: string; draft: string | null }) {
  const [get, set] = useQueryState();
  const before = useDefinition(arn, from, draft);
  const after = useDefinition(arn, to, draft);
  const diff = useMemo(() => {
    if (before.text === undefined || after.text === undefined) return null;
    const [old, now] = [readDefinition(before.text), readDefinition(after.text)];
    return old === null || now === null ? null : diffDefinitions(old, now, JSON.parse(before.text), JSON.parse(after.text));
  }, [before.text, after.text]);
  const changes = useMemo(() => new Map([...(diff?.states ?? [])].map(([name, state]) => [name, state.change])), [diff]);
  const error = before.error ?? after.error;
  if (error) return <ErrorNote error={error} />;
  if (before.text === undefined || after.text === undefined) return <Waiting what="both definitions" />;
  const chosen = get("state");
  return (
    <>
      <p className="with-icon strong" role="status">
        <Icon name="pencil" size={14} />
        {diff === null ? "One of both is no definition; their texts are compared" : before.text === after.text ? "Both are the same" : diffText(diff)}
      </p>
      <div className="beside">
        {diff !== null && <GraphView graph={diff.graph} changes={changes} edgeChanges={diff.edges} chosen={chosen} onChoose={(name) => set({ state: name })} />}
        <Suspense fallback={<Waiting what="the texts" />}>
          <CodeDiff before={before.text} after={after.text} label="Definitions" />
        </Suspense>
      </div>
      {diff !== null && <Changes diff={diff} chosen={chosen} onChoose={(name) => set({ state: name })} />}
    </>
  );
}

/** Each state that differs, with its fields. */
function Changes({ diff, chosen, onChoose }: { diff: DefinitionDiff; chosen: string | null; onChoose: (name: string | null) => void }) {
  const states = [...diff.states.values()].filter((state) => state.change !== "same");
  if (states.length === 0 && diff.fields.length === 0) return null;
  return (
    <section aria-label="What differs">
      <h2>What differs</h2>
      <ul className="compare-changes">
        {diff.fields.length > 0 && (
          <li>
            <Pill look={CHANGE_LOOKS.changed} />
            <strong>the definition itself</strong>
            <FieldList fields={diff.fields} />
          </li>
        )}
        {states.map((state) => (
          <li key={state.name} className={state.name === chosen ? "is-chosen" : ""}>
            {state.change !== "same" && <Pill look={CHANGE_LOOKS[state.change]} />}
            <button type="button" className="link" onClick={() => onChoose(state.name)}>
              {state.name}
            </button>
            <span className="quiet">
              {state.type}
              {state.formerName !== null && `, was called ${state.formerName}`}
            </span>
            <FieldList fields={state.fields} />
          </li>
        ))}
      </ul>
    </section>
  );
}

const SHOWN_MAX = 90;
const short = (value: unknown): string => {
  const text = typeof value === "string" && !value.includes("\n") ? JSON.stringify(value) : (JSON.stringify(value) ?? "");
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text;
};

function FieldList({ fields }: { fields: readonly FieldChange[] }) {
  if (fields.length === 0) return null;
  return (
    <ul className="compare-fields">
      {fields.map((field) => (
        <li key={field.name}>
          <strong>{field.name}</strong>{" "}
          {field.change === "added" ? (
            <>
              added: <code className="is-new">{short(field.after)}</code>
            </>
          ) : field.change === "removed" ? (
            <>
              removed: <code className="is-old">{short(field.before)}</code>
            </>
          ) : (
            <>
              <code className="is-old">{short(field.before)}</code> <Icon name="right" size={11} /> <span className="visually-hidden">became</span>
              <code className="is-new">{short(field.after)}</code>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}
