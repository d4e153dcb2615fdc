import { useMemo, useState } from "react";
import type { CSSProperties } from "react";
import { diffJson, diffSummary, ROWS_MAX } from "../model/jsonDiff";
import type { DiffRow, Mark } from "../model/jsonDiff";
import { Json } from "./Json";

const SIGNS: Readonly<Record<Mark, string>> = { same: "", added: "+", removed: "−", changed: "~" };
const WORDS: Readonly<Record<Mark, string>> = { same: "", added: "added", removed: "removed", changed: "changed" };
/** Rows that are drawn before somebody asks for all. */
const SHOWN_MAX = 200;

/** What changed between two JSON texts; what stayed is folded. The later text itself where they cannot be compared. */
export function JsonDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const [isWhole, setWhole] = useState(false);
  const diff = useMemo(() => diffJson(before, after), [before, after]);
  if (diff === null) return <Json text={after} label={label} />;
  const rows = isWhole ? diff.rows : diff.rows.slice(0, SHOWN_MAX);
  return (
    <div className="diff" role="group" aria-label={`${label}: ${diffSummary(diff)}`}>
      <ol tabIndex={0} aria-label={label}>
        {rows.map((row, index) => (
          <Row key={index} row={row} />
        ))}
      </ol>
      {rows.length < diff.rows.length && (
        <button type="button" className="button" onClick={() => setWhole(true)}>
          Show all {diff.rows.length.toLocaleString("en")} rows
        </button>
      )}
      {isWhole && diff.isCut && <p className="quiet">The first {ROWS_MAX.toLocaleString("en")} rows.</p>}
    </div>
  );
}

function Row({ row }: { row: DiffRow }) {
  return (
    <li className={`diff-row diff-${row.mark}`} style={{ "--depth": row.depth } as CSSProperties}>
      <span className="diff-sign" aria-hidden="true">
        {SIGNS[row.mark]}
      </span>
      <code>
        {WORDS[row.mark] !== "" && <span className="visually-hidden">{WORDS[row.mark]} </span>}
        {row.name !== null && <span className="json-name">{row.name}: </span>}
        {row.before !== null && (
          <>
            <del>{row.before}</del> <span aria-label="now">→</span>{" "}
          </>
        )}
        {row.mark === "changed" ? <ins>{row.text}</ins> : row.text}
        {row.movedFrom !== null && <span className="diff-moved"> was {row.movedFrom}</span>}
      </code>
    </li>
  );
}
