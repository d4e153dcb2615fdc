import type { ReactNode } from "react";
import { WITHIN } from "../../model/filters";
import { choiceOf, TEXT_LENGTH_MAX } from "../../model/search";
import type { Choice } from "../../model/search";
import { EXECUTION_STATUSES, statusLook } from "../../model/status";
import { inputInstant, instantOfInput } from "../../model/time";
import { Icon } from "../../ui/Icon";
import { SearchField } from "../../ui/SearchField";
import { useQueryState } from "../../ui/useQueryState";

/** What narrows a list of executions; all of it is in the address. */
export function SearchFilters() {
  const [get, set] = useQueryState();
  const choice = choiceOf(get);
  const isCustom = choice.within === "" && (choice.after !== "" || choice.before !== "");
  const toggle = (status: string): void => {
    const { statuses } = choice;
    const next = statuses.includes(status) ? statuses.filter((one) => one !== status) : [...statuses, status];
    set({ status: next.join(",") });
  };
  return (
    <div className="filters" role="search">
      <div className="choice" role="group" aria-label="Status">
        <button type="button" aria-pressed={choice.statuses.length === 0} onClick={() => set({ status: null })}>
          All
        </button>
        {EXECUTION_STATUSES.map((one) => (
          <button key={one} type="button" aria-pressed={choice.statuses.includes(one)} onClick={() => toggle(one)}>
            <Icon name={statusLook(one).sign} size={12} /> {statusLook(one).text}
          </button>
        ))}
      </div>
      <select
        aria-label="Started within"
        value={isCustom ? "custom" : choice.within}
        onChange={({ target: { value } }) =>
          value === "custom"
            ? set({ within: null, after: new Date(Date.now() - 86_400_000).toISOString(), before: null })
            : set({ within: value, after: null, before: null })
        }
      >
        <option value="">Any time</option>
        {Object.entries(WITHIN).map(([key, { text }]) => (
          <option key={key} value={key}>
            Last {text}
          </option>
        ))}
        <option value="custom">From … to …</option>
      </select>
      {isCustom && (
        <>
          <Instant name="after" label="Started after" value={choice.after} />
          <Instant name="before" label="Started before" value={choice.before} />
        </>
      )}
      <Words name="error" label="Error or its part" title="Error or a part of it" placeholder="Error" />
      <Words name="text" label="Text within executions" title="Text in input, output, error or cause" placeholder="In input or output" />
      <SearchField label="Search executions by name" placeholder="Search by name" />
      <Chips choice={choice} />
    </div>
  );
}

function Instant({ name, label, value }: { name: string; label: string; value: string }) {
  const [, set] = useQueryState();
  return (
    <input
      type="datetime-local"
      step={1}
      aria-label={label}
      title={label}
      value={inputInstant(value)}
      onChange={(event) => set({ [name]: instantOfInput(event.target.value) })}
    />
  );
}

function Words({ name, label, title, placeholder }: { name: string; label: string; title: string; placeholder: string }) {
  const [get, set] = useQueryState();
  return (
    <input
      type="search"
      className={`words words-${name}`}
      aria-label={label}
      title={title}
      placeholder={placeholder}
      maxLength={TEXT_LENGTH_MAX}
      value={get(name) ?? ""}
      onChange={(event) => set({ [name]: event.target.value })}
    />
  );
}

/** The group of failures that the list is narrowed to. */
function Chips({ choice }: { choice: Choice }) {
  const [, set] = useQueryState();
  if (choice.failure === null) return null;
  const { state, error, cause } = choice.failure;
  const parts: [string, ReactNode][] = [];
  if (state !== undefined) parts.push(["state", state]);
  if (error !== undefined) parts.push(["error", error || "none"]);
  if (cause !== undefined) parts.push(["cause", cause || "none"]);
  return (
    <span className="chip" role="group" aria-label="Group of failures">
      {parts.map(([name, text]) => (
        <span key={name}>
          <span className="quiet">{name}</span> <span title={String(text)}>{text}</span>
        </span>
      ))}
      <button
        type="button"
        className="icon-button"
        aria-label="Leave the group of failures"
        onClick={() => set({ fstate: null, ferror: null, fcause: null })}
      >
        <Icon name="cross" size={12} />
      </button>
    </span>
  );
}
