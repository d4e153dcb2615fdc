import { useState } from "react";
import { NEW_COMPARISON, OPERATORS, operatorOf, readRule, withOperator, writeRule } from "../../model/choiceRules";
import type { Comparison, RuleShape } from "../../model/choiceRules";
import { ruleText } from "../../model/definition";
import { newRule } from "../../model/edits";
import { fieldsOfShape } from "../../model/language";
import { listOf } from "../../model/levels";
import { isObj, isSame } from "../../model/pointerEdits";
import type { Obj } from "../../model/pointerEdits";
import { readInput, troublesAt, withMembers, writtenInput } from "../../model/stateFields";
import type { Holder } from "../../model/stateFields";
import { ChosenField, itemHolder, ItemButtons, Labelled, Troubles, useForm, WrittenField } from "./formParts";
import { ObjectFields } from "./ObjectFields";

/** The rules of a Choice; the first that holds says where to go. */
export function ChoiceRules({ holder }: { holder: Holder }) {
  const { language, targets, findings, edit } = useForm();
  const list = listOf(holder.value?.["Choices"]);
  const pointer = `${holder.pointer}/Choices`;
  const change = (next: unknown[], label: string): void => edit(withMembers(holder, { Choices: next }), label);
  return (
    <section className="form-section">
      <h3>Rules</h3>
      <Troubles findings={troublesAt(findings, pointer, false)} />
      <ol className="items">
        {list.map((rule, index) => (
          <li key={index}>
            <details open={list.length < 5}>
              <summary>
                <span>
                  {index + 1}. {isObj(rule) ? ruleText(rule) || "No condition" : "No object"}
                </span>
                <ItemButtons what="rule" index={index} list={list} onChange={change} />
              </summary>
              {isObj(rule) && <Rule holder={itemHolder(pointer, index, rule)} rule={rule} />}
            </details>
          </li>
        ))}
      </ol>
      <button type="button" className="button" disabled={targets.length === 0} onClick={() => change([...list, newRule(language, targets[0] ?? "")], "Add a rule")}>
        Add a rule
      </button>
      <ChosenField holder={holder} name="Default" label="Default: otherwise go to" options={targets} absent="Nowhere: fail with States.NoChoiceMatched" />
    </section>
  );
}

/** Members of a rule whose fields tell what is wrong with them. */
const SHOWN = ["Next", "Condition", "Assign", "Output"];

function Rule({ holder, rule }: { holder: Holder; rule: Obj }) {
  const { language, targets, findings, edit } = useForm();
  const fields = fieldsOfShape("rule", language);
  const shape = language === "JSONPath" ? readRule(rule) : null;
  const write = (next: RuleShape, isTyping = false): void => edit([{ kind: "set", pointer: holder.pointer, value: writeRule(rule, next) }], "Change a rule", isTyping);
  const condition = fields.find((field) => field.name === "Condition");
  const more = fields.filter(({ name }) => name === "Assign" || name === "Output" || name === "Comment");
  return (
    <>
      <Troubles findings={troublesAt(findings, holder.pointer).filter(({ pointer }) => !SHOWN.some((name) => pointer.startsWith(`${holder.pointer}/${name}`)))} />
      {condition !== undefined ? (
        <WrittenField holder={holder} field={condition} />
      ) : shape === null ? (
        <RuleJson holder={holder} rule={rule} />
      ) : (
        <Builder shape={shape} onChange={write} />
      )}
      <ChosenField holder={holder} name="Next" label="Then go to" options={targets} absent="Choose a state" />
      <details className="field-group" open={more.some(({ name }) => name in rule)}>
        <summary>More of the rule</summary>
        <ObjectFields holder={holder} fields={more} />
      </details>
    </>
  );
}

/** What nests too deep for the builder is written. */
function RuleJson({ holder, rule }: { holder: Holder; rule: Obj }) {
  const { edit } = useForm();
  const [draft, setDraft] = useState<string | null>(null);
  const read = draft === null ? null : readInput("json", draft);
  const problem = read !== null && "problem" in read ? read.problem : read !== null && !isObj(read.value) ? "Not an object" : null;
  const isOwn = draft !== null && (problem !== null || (read !== null && "value" in read && isSame(read.value, rule)));
  const text = isOwn ? draft : writtenInput("json", rule);
  return (
    <Labelled label="Rule" hint="A rule that nests deeper than the builder shows" problem={problem}>
      {({ id, describedBy, isInvalid }) => (
        <textarea
          id={id}
          className="is-code"
          rows={Math.min(18, text.split("\n").length)}
          spellCheck={false}
          value={text}
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
          onChange={(event) => {
            setDraft(event.target.value);
            const now = readInput("json", event.target.value);
            if ("value" in now && isObj(now.value)) edit([{ kind: "set", pointer: holder.pointer, value: now.value }], "Change a rule", true);
          }}
        />
      )}
    </Labelled>
  );
}

/** Comparisons of JSONPath, joined by and, or. */
function Builder({ shape, onChange }: { shape: RuleShape; onChange: (shape: RuleShape, isTyping?: boolean) => void }) {
  const { comparisons, joint } = shape;
  const set = (index: number, comparison: Comparison, isTyping = false): void => onChange({ ...shape, comparisons: comparisons.with(index, comparison) }, isTyping);
  return (
    <div className="rule">
      {comparisons.map((comparison, index) => (
        <div key={index} className="rule-row" role="group" aria-label={`Comparison ${index + 1}`}>
          {index > 0 ? (
            <select className="rule-joint" aria-label="Joined by" value={joint} onChange={(event) => onChange({ ...shape, joint: event.target.value === "Or" ? "Or" : "And" })}>
              <option value="And">and</option>
              <option value="Or">or</option>
            </select>
          ) : (
            <span className="quiet">if</span>
          )}
          <label className="field-path">
            <input type="checkbox" checked={comparison.isNegated} onChange={(event) => set(index, { ...comparison, isNegated: event.target.checked })} /> not
          </label>
          <input type="text" className="is-code rule-variable" aria-label="Variable" spellCheck={false} value={comparison.variable} onChange={(event) => set(index, { ...comparison, variable: event.target.value }, true)} />
          <select className="rule-operator" aria-label="Operator" value={comparison.operator} onChange={(event) => set(index, withOperator(comparison, event.target.value))}>
            {OPERATORS.map((operator) => (
              <option key={operator.name} value={operator.name}>
                {operator.text}
              </option>
            ))}
          </select>
          <Comparand comparison={comparison} onChange={(value, isTyping) => set(index, { ...comparison, value }, isTyping)} />
          {comparisons.length > 1 && (
            <button type="button" className="icon-button" aria-label={`Remove comparison ${index + 1}`} onClick={() => onChange({ ...shape, comparisons: comparisons.toSpliced(index, 1) })}>
              ×
            </button>
          )}
        </div>
      ))}
      <button type="button" className="link" onClick={() => onChange({ ...shape, comparisons: [...comparisons, NEW_COMPARISON] })}>
        Add a comparison
      </button>
    </div>
  );
}

function Comparand({ comparison, onChange }: { comparison: Comparison; onChange: (value: unknown, isTyping?: boolean) => void }) {
  const kind = operatorOf(comparison.operator)?.comparand ?? "text";
  const [draft, setDraft] = useState<string | null>(null);
  if (kind === "flag" || kind === "boolean") {
    return (
      <select className="rule-value" aria-label="Value" value={String(comparison.value)} onChange={(event) => onChange(event.target.value === "true")}>
        <option value="true">{kind === "flag" ? "yes" : "true"}</option>
        <option value="false">{kind === "flag" ? "no" : "false"}</option>
      </select>
    );
  }
  const read = (text: string): unknown => (kind === "number" && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);
  const written = typeof comparison.value === "string" ? comparison.value : JSON.stringify(comparison.value ?? "");
  return (
    <input
      type="text"
      className="is-code rule-value"
      aria-label="Value"
      spellCheck={false}
      value={draft !== null && isSame(read(draft), comparison.value) ? draft : written}
      onBlur={() => setDraft(null)}
      onChange={(event) => {
        setDraft(event.target.value);
        onChange(read(event.target.value), true);
      }}
    />
  );
}
