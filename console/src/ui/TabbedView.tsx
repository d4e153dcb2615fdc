import { Suspense, useId, useRef } from "react";
import type { KeyboardEvent, ReactNode } from "react";
import { useCentred } from "./useCentred";
import { useQueryState } from "./useQueryState";
import { Waiting } from "./parts";

interface Tab {
  readonly id: string;
  readonly label: string;
  readonly count?: number | undefined;
  readonly view: () => ReactNode;
}

/**
 * Views of one thing, of which the address names one as `view`; the first where it names none that there is.
 *
 * Arrow keys, Home and End move between the tabs; one Tab key leads into them and one out.
 * - `above`: stands above each view, whichever is chosen.
 */
export function TabbedView({ label, tabs, above }: { label: string; tabs: readonly [Tab, ...Tab[]]; above?: ReactNode }) {
  const [get, set] = useQueryState();
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const [first] = tabs;
  const chosen = tabs.find((tab) => tab.id === get("view")) ?? first;
  // A count that comes later makes the row wider.
  useCentred(list, "[aria-selected=true]", [chosen.id, ...tabs.map((tab) => tab.count)].join(" "));
  const choose = (tab: Tab): void => set({ view: tab === first ? null : tab.id });
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = tabs.indexOf(chosen);
    const places: Readonly<Record<string, number>> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
    const place = places[event.key];
    const next = place === undefined ? undefined : tabs.at(place % tabs.length);
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(next);
    document.getElementById(`${id}-${next.id}`)?.focus();
  };
  return (
    <>
      <div className="tabs" role="tablist" aria-label={label} ref={list}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            id={`${id}-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={tab === chosen}
            aria-controls={id}
            tabIndex={tab === chosen ? 0 : -1}
            onClick={() => choose(tab)}
            onKeyDown={onKeyDown}
          >
            {tab.label} {tab.count === undefined ? null : <span className="count">{tab.count.toLocaleString("en")}</span>}
          </button>
        ))}
      </div>
      <div id={id} role="tabpanel" aria-labelledby={`${id}-${chosen.id}`}>
        {above}
        <Suspense fallback={<Waiting what={chosen.label.toLowerCase()} />}>{chosen.view()}</Suspense>
      </div>
    </>
  );
}
