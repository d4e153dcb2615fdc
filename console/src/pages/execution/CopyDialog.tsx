import { useState } from "react";
import { Dialog } from "../../ui/Dialog";
import { CopyButton } from "../../ui/parts";

export interface Copied {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

/** The same elsewhere: as a line for a shell, a call of the SDK, a test. */
export function CopyDialog({ texts, onClose }: { texts: readonly Copied[]; onClose: () => void }) {
  const [chosen, setChosen] = useState(texts[0]?.id ?? "");
  const shown = texts.find((one) => one.id === chosen) ?? texts[0];
  return (
    <Dialog title="Copy as" onClose={onClose} className="is-wide">
      <div className="choice" role="group" aria-label="As what">
        {texts.map((one) => (
          <button key={one.id} type="button" aria-pressed={one === shown} onClick={() => setChosen(one.id)}>
            {one.title}
          </button>
        ))}
      </div>
      {shown && (
        <>
          <pre className="log copied" tabIndex={0} aria-label={shown.title}>
            {shown.text}
          </pre>
          <div className="actions">
            <span className="space" />
            <CopyButton text={shown.text} label={`Copy: ${shown.title}`}>
              Copy
            </CopyButton>
          </div>
        </>
      )}
    </Dialog>
  );
}
