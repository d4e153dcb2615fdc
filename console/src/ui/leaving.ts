/** Asks before a page is left that has something unsaved. */

import { useEffect, useRef } from "react";

type Go = () => void;

/** A page with something unsaved. */
interface Leaving {
  /** Is given what leaves, and calls it or does not. */
  ask(go: Go): void;
  /** Keeps what is unsaved for the next visit; `false` where it cannot. */
  keep(): boolean;
}

/** What asks at present. */
let asks: Leaving | null = null;

/** For the router: goes to another page unless something asks first. What is chosen on a page is in its query, and asks nothing. */
export function aroundNav<O>(navigate: (to: string, options?: O) => void, to: string, options?: O): void {
  if (asks === null || plain(to.split("?")[0] ?? "") === plain(window.location.pathname)) navigate(to, options);
  else asks.ask(() => navigate(to, options));
}

/** Does what takes the page away, unless something asks first. */
export function leave(go: Go): void {
  if (asks === null) go();
  else asks.ask(go);
}

/** Where somebody has typed a longer text, such as the input of an execution: it is nowhere else. */
const typed = new Set<HTMLTextAreaElement>();

/** Looks at what is typed on pages, until what it gives is called. */
export function watchTyping(): () => void {
  const onInput = ({ target }: Event): void => {
    for (const one of typed) if (!one.isConnected) typed.delete(one);
    if (target instanceof HTMLTextAreaElement) typed.add(target);
  };
  document.addEventListener("input", onInput);
  return () => document.removeEventListener("input", onInput);
}

/** Whether the page can be taken away without a question and nothing is lost: what is unsaved is kept from now on. */
export function losesNothing(): boolean {
  const isTyped = [...typed].some((one) => one.isConnected && one.value.trim() !== "");
  return !isTyped && (asks === null || asks.keep());
}

/** A path without its escapes: the router gives some without, the browser with. */
function plain(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * While `isUnsaved`: `ask` is called before another page of the console is shown, the browser asks before all others.
 * Where the session is lost, `keep` says whether the page may go without a question.
 */
export function useLeaving(isUnsaved: boolean, ask: (go: Go) => void, keep: () => boolean): void {
  const latest = useRef<Leaving>({ ask, keep });
  latest.current = { ask, keep };
  useEffect(() => {
    if (!isUnsaved) return;
    const mine: Leaving = { ask: (go) => latest.current.ask(go), keep: () => latest.current.keep() };
    asks = mine;
    const onUnload = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", onUnload);
    return () => {
      if (asks === mine) asks = null;
      window.removeEventListener("beforeunload", onUnload);
    };
  }, [isUnsaved]);
}
