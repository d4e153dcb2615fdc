import { Fragment, useEffect, useLayoutEffect, useRef } from "react";

export interface MenuItem {
  readonly label: string;
  /** A key that does the same, or what it is for. */
  readonly hint?: string | undefined;
  /** A heading above the first item of each group. */
  readonly group?: string;
  readonly isDanger?: boolean;
  readonly act: () => void;
}

/** Most items of a menu; states beyond them are reached by name. */
const ITEMS_MAX = 400;

/** What can be done here, at a place of the window. Arrows move, letters search, Escape closes. */
export function Menu({ label, at, items, onClose }: { label: string; at: { readonly x: number; readonly y: number }; items: readonly MenuItem[]; onClose: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  const typed = useRef({ text: "", at: 0 });
  useLayoutEffect(() => {
    const menu = place.current;
    if (menu === null) return;
    const { width, height } = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(8, Math.min(at.x, window.innerWidth - width - 8))}px`;
    menu.style.top = `${Math.max(8, Math.min(at.y, window.innerHeight - height - 8))}px`;
    const before = document.activeElement;
    menu.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    return () => {
      const now = document.activeElement;
      if (before instanceof HTMLElement && before.isConnected && (now === null || now === document.body || menu.contains(now))) before.focus();
    };
  }, [at]);
  useEffect(() => {
    const onPointer = (event: PointerEvent): void => {
      if (!place.current?.contains(event.target as Node)) onClose();
    };
    window.addEventListener("pointerdown", onPointer, true);
    return () => window.removeEventListener("pointerdown", onPointer, true);
  }, [onClose]);
  const all = (): HTMLElement[] => [...(place.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
  const move = (to: (index: number, count: number) => number): void => {
    const buttons = all();
    const index = buttons.indexOf(document.activeElement as HTMLElement);
    buttons[(to(index, buttons.length) + buttons.length) % buttons.length]?.focus();
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    event.stopPropagation();
    if (event.key === "Escape" || event.key === "Tab") onClose();
    else if (event.key === "ArrowDown") move((index) => index + 1);
    else if (event.key === "ArrowUp") move((index) => index - 1);
    else if (event.key === "Home") move(() => 0);
    else if (event.key === "End") move((_, count) => count - 1);
    else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey) {
      const now = performance.now();
      typed.current = { text: (now - typed.current.at < 800 ? typed.current.text : "") + event.key.toLowerCase(), at: now };
      const found = all().find((button) => button.textContent?.toLowerCase().startsWith(typed.current.text));
      (found ?? all().find((button) => button.textContent?.toLowerCase().includes(typed.current.text)))?.focus();
    } else return;
    event.preventDefault();
  };
  return (
    <div ref={place} className="graph-menu" role="menu" aria-label={label} onKeyDown={onKeyDown} onContextMenu={(event) => event.preventDefault()}>
      {items.length === 0 && <p className="quiet">Nothing to choose from</p>}
      {items.slice(0, ITEMS_MAX).map((item, index) => (
        <Fragment key={`${item.label}${index}`}>
          {item.group !== undefined && item.group !== items[index - 1]?.group && <div className="graph-menu-group" role="presentation">{item.group}</div>}
          <button
            type="button"
            role="menuitem"
            tabIndex={-1}
            className={item.isDanger ? "is-danger" : undefined}
            onClick={() => {
              onClose();
              item.act();
            }}
          >
            <span>{item.label}</span>
            {item.hint && <span className="quiet">{item.hint}</span>}
          </button>
        </Fragment>
      ))}
    </div>
  );
}
