import { useEffect, useId, useState } from "react";
import type { ReactNode } from "react";
import { Icon } from "./Icon";
import "../styles/logs.css";

/**
 * A filter that the server reads, taken with Enter or when the field is left; what it says against it stands below.
 *
 * - `before`, `children`: stand in the line before the field, and behind its button.
 */
export function FilterField(props: {
  label: string;
  placeholder: string;
  filter: string;
  error: string | null;
  onChange: (filter: string) => void;
  before?: ReactNode;
  children?: ReactNode;
}) {
  const { label, placeholder, filter, error, onChange, before, children } = props;
  const [text, setText] = useState(filter);
  useEffect(() => setText(filter), [filter]);
  const errorId = useId();
  return (
    <form
      className="log-search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onChange(text.trim());
      }}
    >
      <div className="field-line">
        {before}
        <label className={`wide-field${error ? " is-wrong" : ""}`}>
          <Icon name="search" size={14} />
          <input
            data-search
            type="search"
            aria-label={label}
            aria-invalid={error !== null}
            {...(error ? { "aria-describedby": errorId } : {})}
            spellCheck={false}
            autoComplete="off"
            placeholder={placeholder}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onBlur={() => {
              if (text.trim() !== filter) onChange(text.trim());
            }}
          />
        </label>
        <button type="submit" className="button">
          Search
        </button>
        {children}
      </div>
      {error && (
        <p id={errorId} className="field-error" role="alert">
          {error}
        </p>
      )}
    </form>
  );
}
