import { useState } from "react";
import { isRefused, rename } from "../../model/edits";
import type { Change, Refused } from "../../model/edits";
import { Dialog } from "../../ui/Dialog";

/** Asks for another name of a state. */
export function RenameDialog(props: { definition: Readonly<Record<string, unknown>>; name: string; onMake: (outcome: Change | Refused) => void; onClose: () => void }) {
  const { definition, name, onMake, onClose } = props;
  const [to, setTo] = useState(name);
  const outcome = rename(definition, name, to);
  const problem = isRefused(outcome) ? outcome.problem : null;
  return (
    <Dialog title={`Rename ${name}`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (problem !== null) return;
          onClose();
          if (to !== name) onMake(outcome);
        }}
      >
        <label>
          Name
          <input data-first type="text" value={to} onChange={(event) => setTo(event.target.value)} aria-invalid={problem !== null} aria-describedby="rename-problem" onFocus={(event) => event.target.select()} />
        </label>
        <p id="rename-problem" className={problem === null ? "quiet" : "tone-bad"} role="status">
          {problem ?? "Everything that leads to it is told the new name."}
        </p>
        <div className="actions">
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>Cancel</button>
          <button type="submit" className="button is-main" disabled={problem !== null}>Rename</button>
        </div>
      </form>
    </Dialog>
  );
}
