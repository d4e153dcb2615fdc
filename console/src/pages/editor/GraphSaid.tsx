export interface Said {
  readonly lines: readonly string[];
  /** Nothing was done; why. */
  readonly isProblem: boolean;
}

/** An edit can leave more loose than anybody reads here; the diagnostics have all of it. */
const LINES_MAX = 6;

/** What came of the latest edit. */
export function GraphSaid({ said, onUndo }: { said: Said | null; onUndo: () => void }) {
  return (
    <div className={`graph-said ${said?.isProblem ? "tone-warn" : ""}`} role="status">
      {said !== null && (
        <>
          <ul>
            {said.lines.slice(0, LINES_MAX).map((line) => (
              <li key={line}>{line}</li>
            ))}
            {said.lines.length > LINES_MAX && <li>and {said.lines.length - LINES_MAX} more</li>}
          </ul>
          {!said.isProblem && (
            <button type="button" className="link" onClick={onUndo}>
              Undo
            </button>
          )}
        </>
      )}
    </div>
  );
}
