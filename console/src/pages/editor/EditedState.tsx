import { Handle, Position } from "@xyflow/react";
import type { Node as FlowNode, NodeProps } from "@xyflow/react";
import { memo } from "react";
import type { StateNode } from "../../model/definition";
import { retries } from "../../model/stateFields";

interface EditedData extends Record<string, unknown> {
  readonly state: StateNode;
  readonly isContainer: boolean;
  readonly errors: number;
  readonly warnings: number;
  readonly isTarget: boolean;
}

export type EditedNode = FlowNode<EditedData, "state">;

/** A state as it is edited: with handles to drag connections from, and what is wrong with it. */
export const EditedState = memo(function EditedState({ data, selected }: NodeProps<EditedNode>) {
  const { state, isContainer, errors, warnings, isTarget } = data;
  const isEnd = state.type === "Succeed" || state.type === "Fail";
  const classes = ["state", isContainer && "is-container", selected && "is-chosen", isTarget && "is-target", errors > 0 && "tone-bad"].filter(Boolean).join(" ");
  return (
    <div className={classes} title={state.comment ?? undefined}>
      <Handle type="target" position={Position.Top} />
      <div className="state-head">
        <span className="state-type">{state.type}</span>
        {state.isStart && <span className="state-type">· start</span>}
        {errors + warnings > 0 && (
          <span className={`state-findings ${errors > 0 ? "tone-bad" : "tone-warn"}`}>
            {errors > 0 ? `${errors} ${errors === 1 ? "error" : "errors"}` : `${warnings} ${warnings === 1 ? "warning" : "warnings"}`}
          </span>
        )}
      </div>
      <div className="state-name">{state.name}</div>
      {!isContainer && state.subtitle && <div className="state-subtitle">{state.subtitle}</div>}
      {!isEnd && <Handle type="source" id="next" position={Position.Bottom} title="Drag to where this leads" />}
      {retries(state.type) && <Handle type="source" id="catch" position={Position.Right} className="is-catch" title="Drag to where its errors lead" />}
    </div>
  );
});
