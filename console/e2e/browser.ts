/** A browser with a page of the console, which watches that the page stays within its origin and breaks nothing. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";

/** Debian's package first; it is the smallest. */
const PLACES = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
];

export async function launch(): Promise<Browser> {
  const executablePath = PLACES.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined) {
    throw new Error("no Chromium: apt-get install chromium-headless-shell, or set CHROMIUM to the path of one");
  }
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

export interface Opened {
  readonly page: Page;
  /** What the page did that it must not do: requests to others, errors of scripts, refusals of the policy. */
  readonly faults: string[];
  close(): Promise<void>;
}

/** Opens a path of the console. */
export async function open(browser: Browser, url: string, path: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(`${url}/`) && !asked.startsWith("data:")) faults.push(`asked ${asked}`);
  });
  page.on("pageerror", (error) => faults.push(`broke: ${error.message}`));
  page.on("console", (message) => {
    // A server that is stopped on purpose is no fault of the page.
    if (message.type() === "error" && !/Failed to load resource|ERR_CONNECTION/.test(message.text())) faults.push(`said: ${message.text()}`);
  });
  // A busy machine is slow; who waits longer hangs.
  page.setDefaultTimeout(Number(process.env["PAGE_PATIENCE_MS"] ?? 40_000));
  await page.goto(`${url}/console${path}`);
  return { page, faults, close: () => context.close() };
}

/** Waits until nothing on the page says that it is being read. */
export async function settled(page: Page): Promise<void> {
  await expect.poll(() => page.locator(".waiting").count(), { timeout: 40_000 }).toBe(0);
}

/**
 * A clock of what the page costs the processor, in milliseconds: whoever else works on the machine does not count.
 *
 * What is loaded from then on comes from the server, not from what the browser keeps.
 */
export async function workOf(page: Page): Promise<() => Promise<number>> {
  const tools = await page.context().newCDPSession(page);
  await tools.send("Network.setCacheDisabled", { cacheDisabled: true });
  await tools.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => ((await tools.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration")?.value ?? NaN) * 1_000;
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Fails if axe finds anything serious on what the page shows. */
export async function expectAccessible(page: Page): Promise<void> {
  // As an expression of the browser's tools: the policy of the page lets no other script in.
  await page.evaluate(axeSource);
  const violations = (await page.evaluate(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then((found) => found.violations)",
  )) as Violation[];
  const serious = violations
    .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => `${node.html.slice(0, 140)} ${node.failureSummary ?? ""}`).slice(0, 3).join(" | ")}`);
  expect(serious).toEqual([]);
}
