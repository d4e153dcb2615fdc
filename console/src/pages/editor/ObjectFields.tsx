import { useState } from "react";
import { fieldsOfShape } from "../../model/language";
import type { Field } from "../../model/language";
import { innerHolder, rowsOf, troublesAt, withMembers } from "../../model/stateFields";
import type { Holder, Row } from "../../model/stateFields";
import { ChosenField, ErrorsField, Troubles, useForm, WrittenField } from "./formParts";

/** The members of an object, each by what it takes. */
export function ObjectFields({ holder, fields }: { holder: Holder; fields: readonly Field[] }) {
  return (
    <>
      {rowsOf(fields).map((row) => (
        <FieldRow key={row.field.name} holder={holder} row={row} />
      ))}
    </>
  );
}

function FieldRow({ holder, row }: { holder: Holder; row: Row }) {
  const { language, targets, findings } = useForm();
  const { field, twin } = row;
  const [isPathWanted, setPathWanted] = useState(false);
  if (field.kind === "errors") return <ErrorsField holder={holder} hint={field.doc} />;
  if (field.kind === "state") return <ChosenField holder={holder} name={field.name} hint={field.doc} options={targets} absent="Choose a state" />;
  if (field.kind === "one-of") return <ChosenField holder={holder} name={field.name} hint={field.doc} options={field.values ?? []} absent="Not set" />;
  if (field.kind === "object" && field.shape !== undefined && field.shape !== "template") {
    const inner = innerHolder(holder, field.name);
    const own = fieldsOfShape(field.shape, language);
    const value = holder.value?.[field.name];
    // An expression that gives the object is written.
    if (own.length > 0 && (value === undefined || inner.value !== null)) {
      const troubles = troublesAt(findings, inner.pointer, false);
      return (
        <details className="field-group" open={inner.value !== null}>
          <summary title={field.doc}>{field.name}</summary>
          <Troubles findings={troubles} />
          <ObjectFields holder={inner} fields={own} />
        </details>
      );
    }
  }
  if (twin === null) return <WrittenField holder={holder} field={field} />;
  const isPath = holder.value !== null && (twin.name in holder.value || (isPathWanted && !(field.name in holder.value)));
  return <TwinField holder={holder} field={field} twin={twin} isPath={isPath} onWant={setPathWanted} />;
}

/** A value, or a path to it: one of the two. */
function TwinField({ holder, field, twin, isPath, onWant }: { holder: Holder; field: Field; twin: Field; isPath: boolean; onWant: (isPath: boolean) => void }) {
  const form = useForm();
  const change = (wantsPath: boolean): void => {
    onWant(wantsPath);
    const other = wantsPath ? field.name : twin.name;
    if (holder.value !== null && other in holder.value) form.edit(withMembers(holder, { [other]: undefined }), `Remove ${other}`);
  };
  return (
    <WrittenField
      key={isPath ? twin.name : field.name}
      holder={holder}
      field={isPath ? twin : field}
      others={{ [isPath ? field.name : twin.name]: undefined }}
      aside={
        <label className="field-path">
          <input type="checkbox" checked={isPath} onChange={(event) => change(event.target.checked)} /> by a path
        </label>
      }
    />
  );
}
