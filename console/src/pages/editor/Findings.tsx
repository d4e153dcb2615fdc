import { Icon } from "../../ui/Icon";
import { ErrorNote } from "../../ui/parts";
import type { Finding, Validation } from "./validation";

/** What is wrong with the definition, each with a way to its place. */
export function Findings({ validation, findings, onJump }: { validation: Validation; findings: readonly Finding[]; onJump: (finding: Finding) => void }) {
  const errors = findings.filter((finding) => finding.severity === "error").length;
  const warnings = findings.length - errors;
  const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? "" : "s"}`;
  const said = [errors > 0 ? count(errors, "error") : null, warnings > 0 ? count(warnings, "warning") : null].filter((one) => one !== null).join(", ");
  return (
    <section className="findings" aria-label="Diagnostics">
      <header role="status">
        {validation.error !== null ? (
          <span className="with-icon tone-warn">
            <Icon name="warning" size={14} /> Not checked
          </span>
        ) : !validation.isCurrent ? (
          <span className="with-icon quiet">
            <Icon name="running" size={14} /> Checking
          </span>
        ) : findings.length === 0 ? (
          <span className="with-icon tone-good">
            <Icon name="check" size={14} /> Valid
          </span>
        ) : (
          <span className={`with-icon ${errors > 0 ? "tone-bad" : "tone-warn"}`}>
            <Icon name={errors > 0 ? "cross" : "warning"} size={14} /> {said}
            {validation.isCut && ", and more"}
          </span>
        )}
        <span className="quiet">checked by the server as you type; F8 goes to the next, Esc Tab leaves the text</span>
      </header>
      {validation.error !== null && <ErrorNote error={validation.error} />}
      {findings.length > 0 && (
        <ul>
          {findings.map((finding, index) => (
            <li key={`${finding.pointer} ${finding.message} ${index}`}>
              <button type="button" onClick={() => onJump(finding)}>
                <span className={`finding-severity tone-${finding.severity === "error" ? "bad" : "warn"}`}>
                  <Icon name={finding.severity === "error" ? "cross" : "warning"} size={13} />
                  {finding.severity === "error" ? "Error" : "Warning"}
                </span>
                <span className="finding-message">{finding.message}</span>
                <code>{finding.pointer || "/"}</code>
                <span className="quiet finding-code">{finding.code}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
