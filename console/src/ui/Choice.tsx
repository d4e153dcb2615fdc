import type { ReactNode } from "react";

export type Option<Id> = readonly [id: Id, text: ReactNode];

/** One of a few, all of which are seen. */
export function Choice<Id extends string | null>({ label, options, chosen, onChoose, className = "" }: {
  label: string;
  options: readonly Option<Id>[];
  chosen: Id;
  onChoose: (id: Id) => void;
  className?: string;
}) {
  return (
    <div className={`choice ${className}`} role="group" aria-label={label}>
      {options.map(([id, text]) => (
        <button key={id ?? ""} type="button" aria-pressed={id === chosen} onClick={() => onChoose(id)}>
          {text}
        </button>
      ))}
    </div>
  );
}
