import { useState } from "react";
import { PALETTE } from "../../model/newStates";
import type { PaletteItem } from "../../model/newStates";

/** What is dragged from the palette: the id of an item. */
export const DRAGGED = "application/x-stepwell-state";

/** States to drag onto the graph; a click adds one after the state that is chosen. */
export function StatePalette({ onAdd }: { onAdd: (itemId: string) => void }) {
  const [wanted, setWanted] = useState("");
  const words = wanted.trim().toLowerCase();
  const found = PALETTE.filter((item) => `${item.title} ${item.hint}`.toLowerCase().includes(words));
  return (
    <div className="state-palette" role="group" aria-label="States to add">
      <input type="search" aria-label="Search states to add" placeholder="Search" value={wanted} onChange={(event) => setWanted(event.target.value)} />
      {(["Flow", "Actions"] as const).map((group) => {
        const items = found.filter((item) => item.group === group);
        return (
          items.length > 0 && (
            <section key={group}>
              <h3>{group}</h3>
              <ul>
                {items.map((item) => (
                  <li key={item.id}>
                    <Draggable item={item} onAdd={onAdd} />
                  </li>
                ))}
              </ul>
            </section>
          )
        );
      })}
      {found.length === 0 && <p className="quiet">No state is called so. Any action of AWS is a Task: add “AWS SDK” and set its resource.</p>}
    </div>
  );
}

function Draggable({ item, onAdd }: { item: PaletteItem; onAdd: (itemId: string) => void }) {
  return (
    <button
      type="button"
      className={`palette-state palette-${item.type.toLowerCase()}`}
      draggable
      title={item.hint}
      onDragStart={(event) => {
        event.dataTransfer.setData(DRAGGED, item.id);
        event.dataTransfer.effectAllowed = "copy";
      }}
      onClick={() => onAdd(item.id)}
    >
      {item.title}
    </button>
  );
}
