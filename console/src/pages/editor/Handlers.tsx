import { fieldsOfShape } from "../../model/language";
import { listOf } from "../../model/levels";
import { errorsText, troublesAt, withMembers } from "../../model/stateFields";
import type { Holder } from "../../model/stateFields";
import { isObj } from "../../model/pointerEdits";
import { itemHolder, ItemButtons, Troubles, useForm } from "./formParts";
import { ObjectFields } from "./ObjectFields";

const FIRST = {
  Retry: { ErrorEquals: ["States.TaskFailed"], IntervalSeconds: 1, MaxAttempts: 3, BackoffRate: 2 },
  Catch: { ErrorEquals: ["States.ALL"] },
} as const;

/** `Retry` or `Catch`: a list in which the first entry that names an error counts. */
export function Handlers({ holder, member }: { holder: Holder; member: "Retry" | "Catch" }) {
  const { language, targets, findings, edit } = useForm();
  const list = listOf(holder.value?.[member]);
  const pointer = `${holder.pointer}/${member}`;
  const what = member === "Retry" ? "retrier" : "catcher";
  const fields = fieldsOfShape(what, language);
  const change = (next: unknown[], label: string): void => edit(withMembers(holder, { [member]: next.length === 0 ? undefined : next }), label);
  const canAdd = member === "Retry" || targets.length > 0;
  return (
    <details className="form-section" open={list.length > 0}>
      <summary>
        {member} <span className="count">{list.length > 0 ? list.length : ""}</span>
      </summary>
      <Troubles findings={troublesAt(findings, pointer, false)} />
      <ol className="items">
        {list.map((item, index) => (
          <li key={index}>
            <details open={list.length < 4}>
              <summary>
                <span>{isObj(item) ? errorsText(item["ErrorEquals"]) || "No error" : "No object"}</span>
                <ItemButtons what={what} index={index} list={list} onChange={change} />
              </summary>
              <Troubles findings={troublesAt(findings, `${pointer}/${index}`, false)} />
              <div className={member === "Retry" ? "fields-two" : "fields-one"}>
                <ObjectFields holder={itemHolder(pointer, index, item)} fields={fields.filter(({ name }) => name !== "Comment" || (isObj(item) && name in item))} />
              </div>
            </details>
          </li>
        ))}
      </ol>
      <button
        type="button"
        className="button"
        disabled={!canAdd}
        title={canAdd ? undefined : "There is no other state in this level to go to"}
        onClick={() => change([...list, member === "Retry" ? FIRST.Retry : { ...FIRST.Catch, Next: targets[0] }], `Add a ${what}`)}
      >
        Add a {what}
      </button>
    </details>
  );
}
