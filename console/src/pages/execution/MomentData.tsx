import { useMemo } from "react";
import type { States } from "../../api/generated";
import type { Run } from "../../model/history";
import { variablesJson, variablesNow } from "../../model/variables";
import { Json } from "../../ui/Json";

/** Input and output of the execution, and its variables as of the cursor. */
export function MomentData({ execution, run, isNow }: { execution: States.DescribeExecutionOutput; run: Run; isNow: boolean }) {
  const variables = useMemo(() => variablesNow(run), [run]);
  const isOver = run.ending !== null;
  return (
    <div className="columns">
      <section>
        <h2>Input</h2>
        <Json text={execution.input ?? ""} label="the input" />
      </section>
      <section>
        <h2>Output</h2>
        {execution.output && isOver ? <Json text={execution.output} label="the output" /> : <p className="quiet">None{isOver ? "" : isNow ? " yet" : " yet at this event"}.</p>}
      </section>
      {variables.size > 0 && (
        <section>
          <h2>Variables{isOver ? "" : isNow ? " so far" : " at this event"}</h2>
          <Json text={variablesJson(variables)} label="the variables" />
        </section>
      )}
    </div>
  );
}
