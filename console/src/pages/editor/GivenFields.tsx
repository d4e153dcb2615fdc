import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { historyQuery, latestQuery } from "../../api/queries";
import { nameOf } from "../../model/arn";
import { readHistory } from "../../model/history";
import { laidOut } from "../../model/json";
import { statusLook } from "../../model/status";
import { jsonProblem, realInputs, REAL_INPUTS_MAX } from "../../model/stateTest";
import type { Given, RealInput } from "../../model/stateTest";
import { absoluteText } from "../../model/time";
import { ErrorNote, Waiting } from "../../ui/parts";
import { Labelled } from "./formParts";

interface GivenFieldsProps {
  readonly name: string;
  readonly machineArn: string | null;
  readonly given: Given;
  readonly onGiven: (given: Given) => void;
  /** Why a context is not asked for, if it is not. */
  readonly noContext: string | null;
  /** Whether the context of an execution is taken with its input. */
  readonly takesContext: boolean;
  readonly onReal?: (real: RealInput) => void;
}

/** What a test is given: typed, or taken from an execution. */
export function GivenFields({ name, machineArn, given, onGiven, noContext, takesContext, onReal }: GivenFieldsProps) {
  const [isTaking, setTaking] = useState(false);
  const take = (real: RealInput): void => {
    onGiven({ input: laidOut(real.input), variables: real.variables, context: takesContext ? real.context : given.context });
    onReal?.(real);
  };
  return (
    <section className="form-section">
      <JsonText label="Input" value={given.input} onChange={(input) => onGiven({ ...given, input })} least={3} />
      {machineArn === null ? (
        <p className="quiet">Once the state machine is saved and has run, inputs of its executions are offered here.</p>
      ) : (
        <details className="field-group" open={isTaking} onToggle={(event) => setTaking(event.currentTarget.open)}>
          <summary>Take the input of an execution</summary>
          {isTaking && <Executions machineArn={machineArn} name={name} onTake={take} />}
        </details>
      )}
      <details className="field-group" open={given.variables !== "" || given.context !== ""}>
        <summary>Variables and context</summary>
        <JsonText label="Variables" hint="An object: names without $" value={given.variables} wants="object" onChange={(variables) => onGiven({ ...given, variables })} />
        {noContext === null ? (
          <JsonText label="Context" hint="Execution, State, StateMachine, Task: what $$ and $states.context give" value={given.context} wants="object" onChange={(context) => onGiven({ ...given, context })} />
        ) : (
          <p className="quiet">{noContext}</p>
        )}
      </details>
    </section>
  );
}

/** A JSON text that is no part of the definition. */
export function JsonText(props: { label: string; hint?: string; value: string; wants?: "any" | "object"; least?: number; onChange: (value: string) => void }) {
  const { label, hint, value, wants = "any", least = 2, onChange } = props;
  return (
    <Labelled label={label} hint={hint} problem={jsonProblem(value, wants)}>
      {({ id, describedBy, isInvalid }) => (
        <textarea
          id={id}
          className="is-code"
          rows={Math.min(16, Math.max(least, value.split("\n").length))}
          spellCheck={false}
          value={value}
          aria-describedby={describedBy}
          aria-invalid={isInvalid}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Labelled>
  );
}

function Executions({ machineArn, name, onTake }: { machineArn: string; name: string; onTake: (real: RealInput) => void }) {
  const found = useQuery(latestQuery(machineArn));
  const [chosen, setChosen] = useState<string | null>(null);
  if (found.error) return <ErrorNote error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Waiting what="executions" />;
  const { executions } = found.data;
  const executionArn = chosen ?? executions[0]?.executionArn;
  if (executionArn === undefined) return <p className="quiet">No execution yet: start one, and the inputs of its states are offered here.</p>;
  return (
    <>
      <Labelled label="Execution" hint="The latest 100">
        {({ id }) => (
          <select id={id} value={executionArn} onChange={(event) => setChosen(event.target.value)}>
            {executions.map((one) => (
              <option key={one.executionArn} value={one.executionArn}>
                {nameOf(one.executionArn)} · {statusLook(one.status).text} · {absoluteText(one.startDate * 1000)}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <Visits key={executionArn} executionArn={executionArn} name={name} onTake={onTake} />
    </>
  );
}

function Visits({ executionArn, name, onTake }: { executionArn: string; name: string; onTake: (real: RealInput) => void }) {
  const client = useQueryClient();
  const found = useQuery(historyQuery(executionArn, client));
  const inputs = useMemo(() => (found.data ? realInputs(executionArn, readHistory(found.data), found.data, name) : []), [executionArn, found.data, name]);
  if (found.error) return <ErrorNote error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Waiting what="the history" />;
  if (inputs.length === 0) return <p className="quiet">This execution did not enter “{name}”.</p>;
  return (
    <ul className="real-inputs" aria-label={`Inputs of ${name}`}>
      {inputs.map((real) => (
        <li key={real.visit}>
          <button type="button" onClick={() => onTake(real)} title="Take this input">
            <span className="quiet">{absoluteText(real.enteredAt)}</span>
            <code>{real.input.slice(0, 160)}</code>
          </button>
        </li>
      ))}
      {inputs.length === REAL_INPUTS_MAX && <li className="quiet">The first {REAL_INPUTS_MAX} visits.</li>}
    </ul>
  );
}
