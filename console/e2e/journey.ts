/** What every file of journeys has: something that serves the console, a browser, and the pages of one journey after the other. */

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { launch, open } from "./browser";
import type { Opened } from "./browser";

/** What serves the console: a server, or a command that has one. */
export interface Serving {
  readonly url: string;
  begin(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens a page of a journey, at a path of the console. When the journey ends no page of it may have done what it must not. */
export type Visit = (path: string, options?: BrowserContextOptions) => Promise<Page>;

/**
 * Starts what serves and a browser before the journeys of a file, and ends both after them.
 *
 * - `always`: options of every page that does not name its own.
 */
export function journeys(server: Serving, always: BrowserContextOptions = {}): Visit {
  let browser: Browser | undefined;
  let opened: Opened[] = [];
  beforeAll(async () => {
    [browser] = await Promise.all([launch(), server.begin()]);
  });
  afterEach(async () => {
    const faults = opened.flatMap((one) => one.faults);
    await Promise.all(opened.map((one) => one.close()));
    opened = [];
    expect(faults).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });
  return async (path, options) => {
    if (browser === undefined) throw new Error("a page before the browser has started");
    const one = await open(browser, server.url, path, { ...always, ...options });
    opened.push(one);
    return one.page;
  };
}
