import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { states } from "../../api/call";
import type { Language } from "../../model/newStates";
import { expressionTest, EXPRESSION_MAX, jsonProblem, readsContext } from "../../model/stateTest";
import type { Given } from "../../model/stateTest";
import { Json } from "../../ui/Json";
import { ErrorNote } from "../../ui/parts";
import { useSettled } from "../../ui/useSettled";
import { Labelled } from "./formParts";
import { GivenFields, JsonText } from "./GivenFields";

/** After the last letter; who types on is not interrupted. */
const QUIET_MS = 300;

interface ExpressionTesterProps {
  readonly name: string;
  readonly language: Language;
  /** The state is one of a Map: its input is an item. */
  readonly isItem: boolean;
  readonly machineArn: string | null;
  readonly given: Given;
  readonly onGiven: (given: Given) => void;
  readonly expression: string;
  readonly onExpression: (expression: string) => void;
}

/** What an expression comes to, on an input. The server evaluates it: what is shown is what an execution would get. */
export function ExpressionTester(props: ExpressionTesterProps) {
  const { name, language, isItem, machineArn, given, onGiven, expression, onExpression } = props;
  const [result, setResult] = useState("");
  const problem =
    expression.length > EXPRESSION_MAX
      ? `Longer than ${EXPRESSION_MAX.toLocaleString("en")} characters`
      : (jsonProblem(given.input) ?? jsonProblem(given.variables, "object") ?? jsonProblem(given.context, "object") ?? jsonProblem(result));
  const wanted = expression.trim() === "" || problem !== null ? null : JSON.stringify([language, expression, given, result, isItem]);
  const asked = useSettled(wanted, QUIET_MS);
  const found = useQuery({
    queryKey: ["expression", asked],
    queryFn: async ({ signal }) => {
      const test = expressionTest(language, expression, { ...given, result, isItem });
      const answer = await states("TestState", test.request, signal);
      return { answer, value: test.read(answer) };
    },
    enabled: asked !== null && asked === wanted,
    staleTime: Infinity,
    gcTime: 30_000,
    retry: false,
  });
  const isJsonata = language === "JSONata";
  return (
    <>
      <section className="form-section">
        <Labelled label={`${language} expression`} hint={isJsonata ? "With or without {% %}" : "A path, or an intrinsic function"}>
          {({ id }) => (
            <textarea
              id={id}
              className="is-code"
              rows={Math.min(10, Math.max(2, expression.split("\n").length))}
              spellCheck={false}
              placeholder={isJsonata ? "$sum($states.input.items.price)" : "States.Format('{} items', $.count)"}
              value={expression}
              onChange={(event) => onExpression(event.target.value)}
            />
          )}
        </Labelled>
        <div className="outcome" role="status" aria-label="What the expression gives">
          {problem !== null && expression !== "" ? (
            <p className="quiet">{problem.startsWith("Longer") ? problem : "What it is given is no JSON yet."}</p>
          ) : wanted === null ? (
            <p className="quiet">Write an expression; the server evaluates it, with the same rules as in an execution.</p>
          ) : found.error ? (
            <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
          ) : found.data === undefined ? (
            <p className="quiet">Asking the server</p>
          ) : found.data.answer.error !== undefined || found.data.answer.status !== "SUCCEEDED" ? (
            <div className="note tone-bad">
              <div>
                <strong>{found.data.answer.error ?? found.data.answer.status}</strong>
                <p className="cause">{found.data.answer.cause ?? ""}</p>
              </div>
            </div>
          ) : found.data.value === null ? (
            <p className="quiet">It gives nothing: the member that it stands for is left out.</p>
          ) : (
            <Json text={found.data.value} label="the value" />
          )}
        </div>
      </section>
      <GivenFields name={name} machineArn={machineArn} given={given} onGiven={onGiven} noContext={null} takesContext={readsContext(expression)} onReal={(real) => real.result !== null && (result !== "" || expression.includes("$states.result")) && setResult(real.result)} />
      <details className="field-group" open={result !== ""}>
        <summary>Result</summary>
        <p className="quiet">{isJsonata ? "What $states.result gives, as in Output and Assign of a Task." : "What $ is in a ResultSelector. With it, the input is not what $ means."}</p>
        <JsonText label="Result" value={result} onChange={setResult} />
      </details>
    </>
  );
}
