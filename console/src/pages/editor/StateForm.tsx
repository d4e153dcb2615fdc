import { useQuery } from "@tanstack/react-query";
import { useId, useMemo, useState } from "react";
import { functionsQuery } from "../../api/queries";
import type { Graph } from "../../model/definition";
import type { Edit } from "../../model/document";
import { isRefused, languageOf, rename, targetsOf } from "../../model/edits";
import { ERROR_NAMES, fieldsOf, resources } from "../../model/language";
import type { Field } from "../../model/language";
import { locate } from "../../model/levels";
import type { Located } from "../../model/levels";
import { token } from "../../model/definition";
import { isObj } from "../../model/pointerEdits";
import type { Obj } from "../../model/pointerEdits";
import { innerHolder, retries, sectionsOf, strangersOf, troublesAt, withMembers } from "../../model/stateFields";
import type { Holder, Section } from "../../model/stateFields";
import { isInMap } from "../../model/stateTest";
import type { Given } from "../../model/stateTest";
import "../../styles/state-form.css";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { Empty } from "../../ui/parts";
import { useQueryState } from "../../ui/useQueryState";
import { ChoiceRules } from "./ChoiceRules";
import { ExpressionTester } from "./ExpressionTester";
import { ChosenField, FormProvider, Labelled, Troubles, useForm, WrittenField } from "./formParts";
import type { FormContext } from "./formParts";
import { Handlers } from "./Handlers";
import { ObjectFields } from "./ObjectFields";
import { StateTester } from "./StateTester";
import type { Finding } from "./validation";

interface StateFormProps {
  readonly definition: Readonly<Record<string, unknown>>;
  readonly graph: Graph;
  /** The state that is chosen. */
  readonly name: string;
  readonly diagnostics: readonly Finding[];
  /** Makes edits as one step of undoing; with `isTyping`, letters of one field are undone together. */
  readonly onEdit: (edits: readonly Edit[], label: string, options?: { readonly isTyping?: boolean }) => boolean;
  readonly onChoose: (name: string | null) => void;
  /** `null` where the state machine is not created yet. */
  readonly machineArn: string | null;
}

const VIEWS: readonly Option<string>[] = [["fields", "Fields"], ["test", "Test state"], ["expression", "Expression"]];
const NOTHING: Given = { input: "{}", variables: "", context: "" };

/** The fields of the state that is chosen, and what it does with data: tests of it, and of expressions. */
export default function StateForm(props: StateFormProps) {
  const { definition, name, diagnostics, onEdit, onChoose, machineArn } = props;
  const [get, set] = useQueryState();
  const [given, setGiven] = useState<Readonly<Record<string, Given>>>({});
  const [expression, setExpression] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  const located = useMemo(() => locate(definition, name), [definition, name]);
  const targets = useMemo(() => targetsOf(definition, name), [definition, name]);
  if (located === null) {
    return (
      <Empty title={`There is no state “${name}”`}>
        <p>It was deleted or renamed. Choose another one in the graph or the text.</p>
      </Empty>
    );
  }
  const language = languageOf(definition, located.state);
  const view = get("form") ?? "fields";
  const form: FormContext = {
    language,
    targets,
    findings: diagnostics,
    edit: (edits, label, isTyping = false) => {
      if (edits.length === 0) return;
      setProblem(onEdit(edits, label, { isTyping }) ? null : "The text is no JSON at the moment: mend it first.");
    },
    lists: { errors: `${id}errors`, resources: `${id}resources`, functions: `${id}functions` },
    onTry: (tried) => {
      setExpression(tried);
      set({ form: "expression" });
    },
  };
  const own = given[name] ?? NOTHING;
  const setOwn = (next: Given): void => setGiven({ ...given, [name]: next });
  return (
    <FormProvider value={form}>
      <div className="state-form">
        <header>
          <div>
            <span className="quiet">{String(located.state["Type"] ?? "State")}</span>
            <h2>{name}</h2>
          </div>
          <button type="button" className="icon-button" aria-label="Close the form" onClick={() => onChoose(null)}>×</button>
        </header>
        <Choice label="What to do with the state" options={VIEWS} chosen={view} onChoose={(form) => set({ form: form === "fields" ? null : form })} />
        {problem !== null && <p className="tone-warn" role="alert">{problem}</p>}
        {view === "fields" && <Fields key={name} located={located} definition={definition} onChoose={onChoose} />}
        {view === "test" && <StateTester key={name} located={located} definition={definition} machineArn={machineArn} given={own} onGiven={setOwn} onChoose={onChoose} />}
        {view === "expression" && (
          <ExpressionTester key={name} name={name} language={language} isItem={isInMap(definition, name)} machineArn={machineArn} given={own} onGiven={setOwn} expression={expression} onExpression={setExpression} />
        )}
      </div>
    </FormProvider>
  );
}

function Fields({ located, definition, onChoose }: { located: Located; definition: Readonly<Record<string, unknown>>; onChoose: (name: string) => void }) {
  const form = useForm();
  const { state, pointer } = located;
  const holder: Holder = { pointer, value: state };
  const type = String(state["Type"] ?? "");
  const sections = sectionsOf(state, form.language);
  const own = troublesAt(form.findings, pointer, false);
  const strangers = strangersOf(state, form.language);
  const comment = fieldsOf(type, form.language).find((field) => field.name === "Comment");
  return (
    <form className="fields" aria-label={`Fields of ${located.name}`} onSubmit={(event) => event.preventDefault()}>
      <Lists />
      <Troubles findings={own} />
      <NameField located={located} definition={definition} onChoose={onChoose} />
      {comment && <WrittenField holder={holder} field={comment} />}
      {type === "Choice" && <ChoiceRules holder={holder} />}
      {sections.map((section) => (
        <FieldsOf key={section.title} section={section} holder={holder} state={state} />
      ))}
      {retries(type) && <Handlers holder={holder} member="Retry" />}
      {retries(type) && <Handlers holder={holder} member="Catch" />}
      <Transition holder={holder} state={state} />
      {definition["QueryLanguage"] !== "JSONata" && <ChosenField holder={holder} name="QueryLanguage" options={["JSONata", "JSONPath"]} absent="As the state machine: JSONPath" />}
      {strangers.length > 0 && (
        <section className="form-section">
          <h3>Not valid here</h3>
          <p className="quiet">
            {type} in {form.language} has no such field.
          </p>
          <ul className="strangers">
            {strangers.map((name) => (
              <li key={name}>
                <code>{name}</code>
                <button type="button" className="button" onClick={() => form.edit(withMembers(holder, { [name]: undefined }), `Remove ${name}`)}>
                  Remove
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </form>
  );
}

/** Suggestions of the browser: errors, resources, functions. */
function Lists() {
  const { lists } = useForm();
  const functions = useQuery(functionsQuery).data?.items ?? [];
  const known = useMemo(resources, []);
  return (
    <>
      <datalist id={lists.errors}>
        {ERROR_NAMES.map(([name, doc]) => (
          <option key={name} value={name} label={doc} />
        ))}
      </datalist>
      <datalist id={lists.resources}>
        {functions.map((one) => one.FunctionArn && <option key={one.FunctionArn} value={one.FunctionArn} label={`Function ${one.FunctionName}`} />)}
        {known.map(({ resource, doc }) => (
          <option key={resource} value={resource} label={doc} />
        ))}
      </datalist>
      <datalist id={lists.functions}>
        {functions.map((one) => one.FunctionName && <option key={one.FunctionName} value={one.FunctionName} />)}
      </datalist>
    </>
  );
}

function NameField({ located, definition, onChoose }: { located: Located; definition: Readonly<Record<string, unknown>>; onChoose: (name: string) => void }) {
  const form = useForm();
  const { name } = located;
  const [draft, setDraft] = useState(name);
  const outcome = rename(definition, name, draft);
  const problem = isRefused(outcome) ? outcome.problem : null;
  const commit = (): void => {
    if (isRefused(outcome) || draft === name) return;
    form.edit(outcome.edits, outcome.label);
    onChoose(draft);
  };
  return (
    <Labelled label="Name" hint="Everything that leads to it is told a new name" problem={problem}>
      {({ id, describedBy, isInvalid }) => (
        <input
          id={id}
          type="text"
          value={draft}
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={commit}
          onKeyDown={(event) => {
            if (event.key === "Enter") commit();
            if (event.key === "Escape") setDraft(name);
          }}
        />
      )}
    </Labelled>
  );
}

function FieldsOf({ section, holder, state }: { section: Section; holder: Holder; state: Obj }) {
  const { language } = useForm();
  const isWait = section.title === "Wait";
  const sent = language === "JSONata" ? "Arguments" : "Parameters";
  const isInvoke = section.title === "Task" && String(state["Resource"] ?? "").includes(":::lambda:invoke");
  return (
    <section className="form-section">
      <h3>{section.title === "Data" ? "Data" : `${section.title} settings`}</h3>
      {section.title === "Map" && <ProcessorFields holder={holder} state={state} />}
      {isWait ? <WaitFields holder={holder} fields={section.fields} /> : <ObjectFields holder={holder} fields={section.fields} />}
      {isInvoke && <FunctionField holder={innerHolder(holder, sent)} />}
    </section>
  );
}

/** What a Wait waits for: one of two, or of four. */
function WaitFields({ holder, fields }: { holder: Holder; fields: readonly Field[] }) {
  const [wanted, setWanted] = useState<string | null>(null);
  const there = fields.find((field) => holder.value !== null && field.name in holder.value);
  const field = fields.find((one) => one.name === (there?.name ?? wanted)) ?? fields[0];
  if (field === undefined) return null;
  return (
    <div className="fields-two">
      <Labelled label="Wait for">
        {({ id }) => (
          <WaitKind id={id} fields={fields} chosen={field.name} holder={holder} onWant={setWanted} />
        )}
      </Labelled>
      <WrittenField key={field.name} holder={holder} field={field} />
    </div>
  );
}

const WAITS: Readonly<Record<string, readonly [text: string, first: unknown]>> = {
  Seconds: ["a number of seconds", 5],
  SecondsPath: ["seconds from the input", "$.seconds"],
  Timestamp: ["an instant", "2027-01-01T00:00:00Z"],
  TimestampPath: ["an instant from the input", "$.until"],
};

function WaitKind({ id, fields, chosen, holder, onWant }: { id: string; fields: readonly Field[]; chosen: string; holder: Holder; onWant: (name: string) => void }) {
  const form = useForm();
  return (
    <select
      id={id}
      value={chosen}
      onChange={(event) => {
        const name = event.target.value;
        onWant(name);
        form.edit(withMembers(holder, { ...Object.fromEntries(fields.map((field) => [field.name, undefined])), [name]: WAITS[name]?.[1] }), `Wait by ${name}`);
      }}
    >
      {fields.map((field) => (
        <option key={field.name} value={field.name}>
          {WAITS[field.name]?.[0] ?? field.name}
        </option>
      ))}
    </select>
  );
}

/** The function that an invocation names; it is among what is sent. */
function FunctionField({ holder }: { holder: Holder }) {
  const form = useForm();
  // Where a path or an expression says it, that is among what is sent.
  if (holder.value === null || "FunctionName.$" in holder.value) return null;
  const value = holder.value["FunctionName"];
  return (
    <Labelled label="FunctionName" hint="The function to invoke: a name or an ARN" findings={troublesAt(form.findings, `${holder.pointer}/FunctionName`)}>
      {({ id, describedBy, isInvalid }) => (
        <input
          id={id}
          type="text"
          className="is-code"
          list={form.lists.functions}
          value={typeof value === "string" ? value : ""}
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
          onChange={(event) => form.edit(withMembers(holder, { FunctionName: event.target.value === "" ? undefined : event.target.value }), "Set FunctionName", true)}
        />
      )}
    </Labelled>
  );
}

/** Inline, or as executions of their own. */
function ProcessorFields({ holder, state }: { holder: Holder; state: Obj }) {
  const form = useForm();
  const member = isObj(state["Iterator"]) && !isObj(state["ItemProcessor"]) ? "Iterator" : "ItemProcessor";
  const config = innerHolder(innerHolder(holder, member), "ProcessorConfig");
  const mode = config.value?.["Mode"] === "DISTRIBUTED" ? "DISTRIBUTED" : "INLINE";
  return (
    <div className="fields-two">
      <Labelled label="Mode" findings={troublesAt(form.findings, config.pointer)}>
        {({ id }) => (
          <select
            id={id}
            value={mode}
            onChange={(event) => {
              const isDistributed = event.target.value === "DISTRIBUTED";
              form.edit(withMembers(config, { Mode: event.target.value, ExecutionType: isDistributed ? (config.value?.["ExecutionType"] ?? "STANDARD") : undefined }), `Map ${event.target.value}`);
            }}
          >
            <option value="INLINE">INLINE: inside of the execution</option>
            <option value="DISTRIBUTED">DISTRIBUTED: as child executions</option>
          </select>
        )}
      </Labelled>
      {mode === "DISTRIBUTED" && <ChosenField holder={config} name="ExecutionType" options={["STANDARD", "EXPRESS"]} absent="Choose one" />}
    </div>
  );
}

/** Where the state leads when it is done. */
function Transition({ holder, state }: { holder: Holder; state: Obj }) {
  const form = useForm();
  if (["Choice", "Succeed", "Fail"].includes(String(state["Type"]))) return null;
  const next = typeof state["Next"] === "string" ? state["Next"] : "";
  return (
    <section className="form-section">
      <h3>Then</h3>
      <Labelled label="Next" findings={troublesAt(form.findings, `${holder.pointer}/${token("Next")}`)}>
        {({ id, describedBy, isInvalid }) => (
          <select
            id={id}
            value={next}
            aria-describedby={describedBy}
            aria-invalid={isInvalid}
            onChange={(event) => {
              const to = event.target.value;
              form.edit(withMembers(holder, to === "" ? { Next: undefined, End: true } : { End: undefined, Next: to }), to === "" ? "End here" : `Lead to ${to}`);
            }}
          >
            <option value="">{state["End"] === true ? "It is the end" : next === "" ? "Nowhere yet" : "End here"}</option>
            {next !== "" && !form.targets.includes(next) && <option value={next}>{next}</option>}
            {form.targets.map((target) => (
              <option key={target} value={target}>
                {target}
              </option>
            ))}
          </select>
        )}
      </Labelled>
    </section>
  );
}
