import { useMemo, useState } from "react";
import { laidOut } from "../model/json";
import { CopyButton } from "./parts";

/** Longer texts are shown cut, until somebody asks for all of it. */
const SHOWN_MAX = 20_000;

/** A JSON text with its parts in colour, as text: nothing in it is ever HTML. */
export function Json({ text, label }: { text: string; label: string }) {
  const [isWhole, setWhole] = useState(false);
  const whole = useMemo(() => laidOut(text), [text]);
  const isCut = !isWhole && whole.length > SHOWN_MAX;
  const shown = isCut ? whole.slice(0, SHOWN_MAX) : whole;
  return (
    <div className="json">
      <CopyButton text={whole} label={`Copy ${label}`} />
      <pre tabIndex={0} aria-label={label}>
        <code>{coloured(shown)}</code>
      </pre>
      {isCut && (
        <button type="button" className="button" onClick={() => setWhole(true)}>
          Show all {whole.length.toLocaleString("en")} characters
        </button>
      )}
    </div>
  );
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b/g;

function coloured(text: string): React.ReactNode[] {
  const parts: React.ReactNode[] = [];
  let from = 0;
  for (const found of text.matchAll(TOKEN)) {
    if (found.index > from) parts.push(text.slice(from, found.index));
    const [whole, string, colon, word] = found;
    const kind = string === undefined ? (word === undefined ? "json-number" : "json-word") : colon === undefined ? "json-text" : "json-name";
    parts.push(
      <span key={found.index} className={kind}>
        {string ?? whole}
      </span>,
    );
    if (colon !== undefined) parts.push(colon);
    from = found.index + whole.length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}
