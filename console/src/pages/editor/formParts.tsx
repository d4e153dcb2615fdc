/** Inputs of a state's form: each shows a member of an object, and makes an edit of what is written into it. */

import { createContext, useContext, useId, useState } from "react";
import type { ReactNode } from "react";
import type { Field } from "../../model/language";
import type { Language } from "../../model/newStates";
import { isObj, isSame } from "../../model/pointerEdits";
import type { Obj, OwnEdit } from "../../model/pointerEdits";
import { errorsText, inputOf, readErrors, readInput, troublesAt, withMembers, writtenInput } from "../../model/stateFields";
import type { FieldInput, Holder } from "../../model/stateFields";
import { token } from "../../model/definition";
import type { Finding } from "./validation";

/** What every input of a form needs. */
export interface FormContext {
  readonly language: Language;
  /** The names of states that this one can lead to. */
  readonly targets: readonly string[];
  readonly findings: readonly Finding[];
  readonly edit: (edits: readonly OwnEdit[], label: string, isTyping?: boolean) => void;
  /** ids of lists of suggestions. */
  readonly lists: { readonly errors: string; readonly resources: string; readonly functions: string };
  /** Tries an expression out. */
  readonly onTry: (expression: string) => void;
}

const Form = createContext<FormContext | null>(null);
export const FormProvider = Form.Provider;
export function useForm(): FormContext {
  const form = useContext(Form);
  if (form === null) throw new Error("an input is of a form");
  return form;
}

/** A label, an input, and what is wrong with it. */
export function Labelled(props: { label: string; hint?: string | undefined; findings?: readonly Finding[]; problem?: string | null; aside?: ReactNode; children: (ids: { id: string; describedBy: string | undefined; isInvalid: boolean }) => ReactNode }) {
  const id = useId();
  const { label, hint, findings = [], problem = null, aside, children } = props;
  const isInvalid = problem !== null || findings.some((finding) => finding.severity === "error");
  const describedBy = problem !== null || findings.length > 0 ? `${id}-trouble` : undefined;
  return (
    <div className={`field ${isInvalid ? "is-wrong" : ""}`}>
      <div className="field-label">
        <label htmlFor={id} title={hint}>
          {label}
        </label>
        {aside}
      </div>
      {children({ id, describedBy, isInvalid })}
      {describedBy !== undefined && (
        <div id={describedBy}>
          {problem !== null && <p className="tone-bad">{problem}</p>}
          <Troubles findings={findings} />
        </div>
      )}
    </div>
  );
}

/** More at one place than anybody reads. */
const TROUBLES_MAX = 4;

/** What the server has to say, where it has. */
export function Troubles({ findings }: { findings: readonly Finding[] }) {
  if (findings.length === 0) return null;
  return (
    <ul className="field-troubles">
      {findings.slice(0, TROUBLES_MAX).map((finding) => (
        <li key={`${finding.pointer}${finding.message}`} className={finding.severity === "error" ? "tone-bad" : "tone-warn"}>
          {finding.message}
        </li>
      ))}
      {findings.length > TROUBLES_MAX && <li className="quiet">and {findings.length - TROUBLES_MAX} more</li>}
    </ul>
  );
}

/** The text of an input while somebody types, and the value's text otherwise. */
function useDraft(input: FieldInput, value: unknown): readonly [text: string, problem: string | null, set: (text: string | null) => void] {
  const [draft, setDraft] = useState<string | null>(null);
  if (draft === null) return [writtenInput(input, value), null, setDraft];
  const read = readInput(input, draft);
  if ("problem" in read) return [draft, read.problem, setDraft];
  // What was written elsewhere since, by undoing or in the text, goes before.
  return [isSame(read.value, value) ? draft : writtenInput(input, value), null, setDraft];
}

const ROWS_MAX = 18;
const rowsFor = (text: string, least: number): number => Math.min(ROWS_MAX, Math.max(least, text.split("\n").length));

/** A member that is written. */
export function WrittenField({ holder, field, name = field.name, aside, label = name, others = {} }: { holder: Holder; field: Field; name?: string; aside?: ReactNode; label?: string; others?: Readonly<Obj> }) {
  const form = useForm();
  const input: FieldInput = name === field.name ? inputOf(field) : "path";
  const [text, problem, setDraft] = useDraft(input, holder.value?.[name]);
  const pointer = `${holder.pointer}/${token(name)}`;
  const write = (written: string): void => {
    setDraft(written);
    const read = readInput(input, written);
    if ("value" in read && !isSame(read.value, holder.value?.[name])) form.edit(withMembers(holder, { ...others, [name]: read.value }), `Set ${name}`, true);
  };
  const expression = expressionOf(name, text);
  const shared = {
    value: text,
    onChange: (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => write(event.target.value),
    onBlur: () => problem === null && setDraft(null),
    spellCheck: false,
    placeholder: input === "json" ? "" : undefined,
  };
  return (
    <Labelled
      label={label}
      hint={field.doc}
      findings={troublesAt(form.findings, pointer)}
      problem={problem}
      aside={
        <>
          {aside}
          {expression !== null && (
            <button type="button" className="link field-try" onClick={() => form.onTry(expression)}>
              Try
            </button>
          )}
        </>
      }
    >
      {({ id, describedBy, isInvalid }) =>
        input === "json" || input === "long" ? (
          <textarea id={id} {...shared} rows={rowsFor(text, input === "long" ? 2 : 1)} aria-describedby={describedBy} aria-invalid={isInvalid} className={input === "json" ? "is-code" : undefined} />
        ) : (
          <input
            id={id}
            type="text"
            {...shared}
            inputMode={input === "number" ? "decimal" : undefined}
            list={input === "resource" ? form.lists.resources : undefined}
            aria-describedby={describedBy}
            aria-invalid={isInvalid}
            className={input === "path" || input === "resource" ? "is-code" : undefined}
          />
        )
      }
    </Labelled>
  );
}

/** The one expression that a text is or has, to be tried out. */
function expressionOf(name: string, text: string): string | null {
  const marked = /\{%[\s\S]*?%\}/.exec(text)?.[0];
  if (marked !== undefined) return marked;
  if (name.endsWith("Path") && text.startsWith("$") && name !== "ResultPath") return text;
  return /"[^"]*\.\$"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1]?.replaceAll('\\"', '"') ?? null;
}

/** A member that is one of a few. */
export function ChosenField({ holder, name, label = name, hint, options, absent }: { holder: Holder; name: string; label?: string; hint?: string; options: readonly string[]; absent: string }) {
  const form = useForm();
  const value = holder.value?.[name];
  const text = typeof value === "string" ? value : "";
  return (
    <Labelled label={label} hint={hint} findings={troublesAt(form.findings, `${holder.pointer}/${token(name)}`)}>
      {({ id, describedBy, isInvalid }) => (
        <select
          id={id}
          value={text}
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
          onChange={(event) => form.edit(withMembers(holder, { [name]: event.target.value === "" ? undefined : event.target.value }), `Set ${name}`)}
        >
          <option value="">{absent}</option>
          {text !== "" && !options.includes(text) && <option value={text}>{text}</option>}
          {options.map((option) => (
            <option key={option} value={option}>
              {option}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

/** Names of errors, in one line. */
export function ErrorsField({ holder, hint }: { holder: Holder; hint: string }) {
  const form = useForm();
  const [draft, setDraft] = useState<string | null>(null);
  const value = holder.value?.["ErrorEquals"];
  const text = draft !== null && isSame(readErrors(draft), value ?? []) ? draft : errorsText(value);
  return (
    <Labelled label="ErrorEquals" hint={hint} findings={troublesAt(form.findings, `${holder.pointer}/ErrorEquals`)}>
      {({ id, describedBy, isInvalid }) => (
        <input
          id={id}
          type="text"
          className="is-code"
          value={text}
          list={form.lists.errors}
          spellCheck={false}
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
          onBlur={() => setDraft(null)}
          onChange={(event) => {
            setDraft(event.target.value);
            form.edit(withMembers(holder, { ErrorEquals: readErrors(event.target.value) }), "Set ErrorEquals", true);
          }}
        />
      )}
    </Labelled>
  );
}

/** Order of a list: up, down, away. */
export function ItemButtons({ what, index, list, onChange }: { what: string; index: number; list: readonly unknown[]; onChange: (list: unknown[], label: string) => void }) {
  const swap = (by: number): unknown[] => {
    const next = [...list];
    [next[index], next[index + by]] = [next[index + by], next[index]];
    return next;
  };
  return (
    <span className="item-buttons">
      <button type="button" className="icon-button" disabled={index === 0} aria-label={`Move ${what} ${index + 1} up`} onClick={() => onChange(swap(-1), `Move ${what}`)}>↑</button>
      <button type="button" className="icon-button" disabled={index === list.length - 1} aria-label={`Move ${what} ${index + 1} down`} onClick={() => onChange(swap(1), `Move ${what}`)}>↓</button>
      <button type="button" className="icon-button" aria-label={`Remove ${what} ${index + 1}`} onClick={() => onChange(list.toSpliced(index, 1), `Remove ${what}`)}>×</button>
    </span>
  );
}

/** An item of a list as a holder. */
export const itemHolder = (pointer: string, index: number, value: unknown): Holder => ({ pointer: `${pointer}/${index}`, value: isObj(value) ? value : null });
