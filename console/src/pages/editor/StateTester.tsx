import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { states } from "../../api/call";
import type { States } from "../../api/generated";
import { machineQuery } from "../../api/queries";
import type { Located } from "../../model/levels";
import { isObj } from "../../model/pointerEdits";
import { jsonProblem, mockExample, mockNeed, moreOf, NO_MOCK, panesOf, readsContext, stateTest } from "../../model/stateTest";
import type { Given, MockGiven } from "../../model/stateTest";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { Icon } from "../../ui/Icon";
import { Json } from "../../ui/Json";
import { submitOnCtrlEnter } from "../../ui/keys";
import { ErrorNote, Fact, Pill } from "../../ui/parts";
import type { Look } from "../../model/status";
import { DataFlow } from "../execution/DataFlow";
import { Labelled, useForm } from "./formParts";
import { GivenFields, JsonText } from "./GivenFields";

/** A role for tests of what is not saved yet; the server asks no more of it than its form. */
const ROLE = "arn:aws:iam::123456789012:role/test";

const NEEDS = {
  needed: "This state can only be tested with a mock: TestState runs no branches, no items, and waits for nobody.",
  possible: "Without a mock the state calls what it calls in an execution.",
  impossible: "A state of this type calls nothing: there is nothing to mock.",
} as const;

const MOCKS: readonly Option<MockGiven["kind"]>[] = [["none", "None"], ["result", "A result"], ["error", "An error"]];

interface StateTesterProps {
  readonly located: Located;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly machineArn: string | null;
  readonly given: Given;
  readonly onGiven: (given: Given) => void;
  readonly onChoose: (name: string) => void;
}

/** Runs the state as it is in the editor, once, by TestState. */
export function StateTester({ located, definition, machineArn, given, onGiven, onChoose }: StateTesterProps) {
  const { language, targets } = useForm();
  const { state, name } = located;
  const need = mockNeed(state);
  const machine = useQuery({ ...machineQuery(machineArn ?? ""), enabled: machineArn !== null });
  const [role, setRole] = useState<string | null>(null);
  const [chosenMock, setMock] = useState<MockGiven>({ ...NO_MOCK, kind: need === "needed" ? "result" : "none", result: mockExample(state) });
  const mock: MockGiven = need === "impossible" ? { ...chosenMock, kind: "none" } : need === "needed" && chosenMock.kind === "none" ? { ...chosenMock, kind: "result" } : chosenMock;
  const [level, setLevel] = useState<States.InspectionLevel>("TRACE");
  const isMocked = mock.kind !== "none";
  const roleArn = role ?? machine.data?.roleArn ?? ROLE;
  const problem =
    jsonProblem(given.input) ?? jsonProblem(given.variables, "object") ?? (isMocked ? jsonProblem(given.context, "object") : null) ?? (mock.kind === "result" ? (mock.result.trim() === "" ? "A mock needs a result" : jsonProblem(mock.result)) : null) ?? (isMocked ? jsonProblem(mock.itemsRead) : null);
  const test = useMutation({
    mutationFn: async () => {
      const request = stateTest(definition, name, given, mock, { roleArn, level });
      if (request === null) throw new Error(`there is no state ${name}`);
      return { answer: await states("TestState", request), state };
    },
  });
  return (
    <form
      className="fields"
      aria-label={`Test of ${name}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (problem === null && !test.isPending) test.mutate();
      }}
      onKeyDown={submitOnCtrlEnter}
    >
      <GivenFields name={name} machineArn={machineArn} given={given} onGiven={onGiven} noContext={isMocked ? null : "TestState takes a context only with a mock."} takesContext={isMocked && readsContext(JSON.stringify(state))} onReal={(real) => real.result !== null && mock.kind === "result" && setMock({ ...mock, result: real.result })} />
      <section className="form-section">
        <h3>Mock</h3>
        <p className="quiet">{NEEDS[need]}</p>
        {need !== "impossible" && (
          <Choice label="Mock" options={MOCKS.filter(([kind]) => kind !== "none" || need !== "needed")} chosen={mock.kind} onChoose={(kind) => setMock({ ...mock, kind })} />
        )}
        {mock.kind === "result" && (
          <>
            <JsonText label="Mocked result" value={mock.result} onChange={(result) => setMock({ ...mock, result })} least={3} />
            <Select label="Check of its fields" value={mock.validation} options={["STRICT", "PRESENT", "NONE"]} onChange={(validation) => setMock({ ...mock, validation })} />
          </>
        )}
        {mock.kind === "error" && (
          <>
            <Text label="Error" value={mock.error} onChange={(error) => setMock({ ...mock, error })} />
            <Text label="Cause" value={mock.cause} onChange={(cause) => setMock({ ...mock, cause })} />
          </>
        )}
        {isMocked && <Text label="Retries before" value={String(mock.retries)} onChange={(text) => setMock({ ...mock, retries: wholeOf(text) })} />}
        {state["Type"] === "Map" && <Text label="Failed items" value={String(mock.failedItems)} onChange={(text) => setMock({ ...mock, failedItems: wholeOf(text) })} />}
        {isObj(state["ItemReader"]) && <JsonText label="Items read by the ItemReader" value={mock.itemsRead} onChange={(itemsRead) => setMock({ ...mock, itemsRead })} />}
      </section>
      <details className="field-group">
        <summary>Role and detail</summary>
        {state["Type"] === "Task" && <Text label="RoleArn" value={roleArn} onChange={setRole} />}
        <Select label="Inspection level" value={level} options={["INFO", "DEBUG", "TRACE"]} onChange={setLevel} />
      </details>
      <div className="actions">
        <button type="submit" className="button is-main" disabled={problem !== null || test.isPending}>
          <Icon name="play" size={13} /> Test state
        </button>
        <span className="quiet">{problem ?? (test.isPending ? "Running" : "Ctrl Enter tests")}</span>
      </div>
      {test.error && <ErrorNote error={test.error} />}
      {test.data && test.data.state !== state && <p className="tone-warn">This is of the state as it was before you changed it.</p>}
      {test.data && <Answer answer={test.data.answer} state={test.data.state} language={language} targets={targets} onChoose={onChoose} />}
    </form>
  );
}

/** Of a count: more than this nobody tests. */
const COUNT_MAX = 10_000;
const wholeOf = (text: string): number => Math.min(COUNT_MAX, Math.max(0, Math.trunc(Number(text)) || 0));

const LOOKS: Readonly<Record<string, Look>> = {
  SUCCEEDED: { text: "Succeeded", tone: "good", sign: "check" },
  FAILED: { text: "Failed", tone: "bad", sign: "cross" },
  RETRIABLE: { text: "Would be retried", tone: "warn", sign: "pause" },
  CAUGHT_ERROR: { text: "Caught error", tone: "warn", sign: "catch" },
};

function Answer(props: { answer: States.TestStateOutput; state: Located["state"]; language: "JSONPath" | "JSONata"; targets: readonly string[]; onChoose: (name: string) => void }) {
  const { answer, state, language, targets, onChoose } = props;
  const { status = "", nextState, error, cause } = answer;
  const { retryIndex, catchIndex, retryBackoffIntervalSeconds } = answer.inspectionData?.errorDetails ?? {};
  const panes = panesOf(answer, state, language);
  return (
    <section className="form-section" aria-label="Result of the test" role="region">
      <h3>Result</h3>
      <div role="status" aria-label="Status of the test">
        <dl className="facts">
          <Fact name="Status"><Pill look={LOOKS[status] ?? { text: status, tone: "quiet", sign: "stop" }} /></Fact>
          <Fact name="Next state">
            {nextState === undefined ? (
              <span className="quiet">{status === "SUCCEEDED" ? "none: the end" : "none"}</span>
            ) : targets.includes(nextState) ? (
              <button type="button" className="link" onClick={() => onChoose(nextState)}>{nextState}</button>
            ) : (
              nextState
            )}
          </Fact>
          {retryIndex !== undefined && (
            <Fact name="Retry">
              retrier {retryIndex + 1}
              {retryBackoffIntervalSeconds === undefined ? "" : `, after ${retryBackoffIntervalSeconds} s`}
            </Fact>
          )}
          {catchIndex !== undefined && <Fact name="Catch">catcher {catchIndex + 1}</Fact>}
        </dl>
      </div>
      {(error !== undefined || cause !== undefined) && (
        <div className="note tone-bad">
          <Icon name="cross" />
          <div>
            <strong>{error ?? "Error"}</strong>
            <p className="cause">{cause ?? ""}</p>
          </div>
        </div>
      )}
      {answer.inspectionData === undefined ? <p className="quiet">The data between is told from level DEBUG on.</p> : null}
      <DataFlow panes={panes} isOver />
      {moreOf(answer).map(({ title, json }) => (
        <details key={title} className="pane">
          <summary>{title}</summary>
          <Json text={json} label={title} />
        </details>
      ))}
    </section>
  );
}

function Text({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return <Labelled label={label}>{({ id }) => <input id={id} type="text" value={value} spellCheck={false} onChange={(event) => onChange(event.target.value)} />}</Labelled>;
}

function Select<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: readonly T[]; onChange: (value: T) => void }) {
  return (
    <Labelled label={label}>
      {({ id }) => (
        <select id={id} value={value} onChange={(event) => onChange(event.target.value as T)}>
          {options.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      )}
    </Labelled>
  );
}
