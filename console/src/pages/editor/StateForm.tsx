import type { Graph } from "../../model/definition";
import type { Edit } from "../../model/document";
import { Json } from "../../ui/Json";
import type { Finding } from "./validation";

export interface StateFormProps {
  readonly definition: Readonly<Record<string, unknown>>;
  readonly graph: Graph;
  /** The state that is chosen. */
  readonly name: string;
  readonly diagnostics: readonly Finding[];
  /** Makes edits as one step of undoing; with `isTyping`, letters of one field are undone together. */
  readonly onEdit: (edits: readonly Edit[], label: string, options?: { readonly isTyping?: boolean }) => boolean;
  readonly onChoose: (name: string | null) => void;
  /** `null` where the state machine is not created yet. */
  readonly machineArn: string | null;
}

/** The fields of the state that is chosen. */
export default function StateForm({ graph, name }: StateFormProps) {
  const state = graph.states.find((one) => one.name === name);
  if (state === undefined) return null;
  return (
    <>
      <header>
        <h2>{state.name}</h2>
        <span className="quiet">{state.type}</span>
      </header>
      <Json text={JSON.stringify(state.fields)} label={`the fields of ${state.name}`} />
    </>
  );
}
