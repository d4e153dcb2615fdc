/** Asks before a page is left that has something unsaved. */

import { useEffect, useRef } from "react";

type Go = () => void;

/** What asks at present: it is given what leaves, and calls it or does not. */
let asks: ((go: Go) => void) | null = null;

/** For the router: goes to another page unless something asks first. What is chosen on a page is in its query, and asks nothing. */
export function aroundNav<O>(navigate: (to: string, options?: O) => void, to: string, options?: O): void {
  if (asks === null || plain(to.split("?")[0] ?? "") === plain(window.location.pathname)) navigate(to, options);
  else asks(() => navigate(to, options));
}

/** A path without its escapes: the router gives some without, the browser with. */
function plain(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** While `isUnsaved`: `ask` is called before another page of the console is shown, the browser asks before all others. */
export function useLeaving(isUnsaved: boolean, ask: (go: Go) => void): void {
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (!isUnsaved) return;
    const mine = (go: Go): void => latest.current(go);
    asks = mine;
    const onUnload = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", onUnload);
    return () => {
      if (asks === mine) asks = null;
      window.removeEventListener("beforeunload", onUnload);
    };
  }, [isUnsaved]);
}
