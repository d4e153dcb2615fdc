/** What can be done with what is chosen, for those who do not know the keys. */
export function GraphTools(props: { hasOne: boolean; hasSome: boolean; hasEdge: boolean; onAdd: () => void; onConnect: () => void; onMore: () => void; onRemove: () => void }) {
  const { hasOne, hasSome, hasEdge, onAdd, onConnect, onMore, onRemove } = props;
  return (
    <div className="graph-tools" role="toolbar" aria-label="Edit the graph">
      <button type="button" className="button" onClick={onAdd} title="Add a state after the one that is chosen (a)">
        Add <kbd>a</kbd>
      </button>
      <button type="button" className="button" disabled={!hasOne} onClick={onConnect} title="Lead the chosen state to another (c)">
        Connect <kbd>c</kbd>
      </button>
      <button type="button" className="button" disabled={!hasSome} onClick={onMore} title="More to do with what is chosen (m)">
        More <kbd>m</kbd>
      </button>
      <button type="button" className="button" disabled={!hasSome && !hasEdge} onClick={onRemove} title="Delete what is chosen (Delete)">
        Delete
      </button>
      <span className="graph-keys quiet">arrows choose · Alt arrows move · F2 renames · Shift click chooses more</span>
    </div>
  );
}
