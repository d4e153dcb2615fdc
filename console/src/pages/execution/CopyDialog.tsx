import { useState } from "react";
import { Choice } from "../../ui/Choice";
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
      <Choice label="As what" options={texts.map((one) => [one.id, one.title])} chosen={shown?.id ?? ""} onChoose={setChosen} />
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
