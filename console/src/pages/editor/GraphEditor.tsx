import type { Graph } from "../../model/definition";
import type { Edit } from "../../model/document";
import GraphView from "../../ui/GraphView";
import type { Finding } from "./validation";

export interface GraphEditorProps {
  /** The definition as it is parsed; the latest that was JSON. */
  readonly definition: Readonly<Record<string, unknown>>;
  readonly graph: Graph;
  readonly diagnostics: readonly Finding[];
  readonly chosen: string | null;
  readonly onChoose: (name: string | null) => void;
  /** Makes edits as one step of undoing; `false` while the text is no JSON. */
  readonly onEdit: (edits: readonly Edit[], label: string) => boolean;
  readonly onUndo: () => void;
  readonly onRedo: () => void;
}

/** The graph of what is edited. */
export default function GraphEditor({ graph, chosen, onChoose }: GraphEditorProps) {
  return <GraphView graph={graph} chosen={chosen} onChoose={onChoose} />;
}
