/** A server that asks for access keys: who signs in, what becomes of a session, and what of somebody's work when it ends. */

import type { Locator, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { editorPath, machinePath, withQuery } from "../src/model/arn";
import { expectAccessible, settled } from "./browser";
import { journeys } from "./journey";
import { Server } from "./server";
import type { AccessKey } from "./server";

const alice: AccessKey = { user: "alice", id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
const server = new Server({ accessKeys: [alice] });
const visit = journeys(server);

const small = {
  StartAt: "First",
  States: { First: { Type: "Pass", Next: "Last" }, Last: { Type: "Succeed" } },
};
let machine: string;

beforeAll(async () => {
  await server.signIn(alice);
  machine = await server.createMachine("Guarded", small);
});

async function signIn(page: Page, secret = alice.secret): Promise<void> {
  await page.getByLabel("Access key id").fill(alice.id);
  await page.getByLabel("Secret access key").fill(secret);
  await page.keyboard.press("Enter");
}

/** Signs in in the tab that a window leads to; the page goes on. */
async function signInElsewhere(page: Page, note: Locator): Promise<void> {
  const [other] = await Promise.all([page.context().waitForEvent("page"), note.getByRole("link", { name: "Sign in" }).click()]);
  await signIn(other);
  await userButton(other).waitFor();
  await other.close();
  await page.evaluate("window.dispatchEvent(new Event('focus'))");
  await note.waitFor({ state: "detached" });
}

const userButton = (page: Page) => page.getByRole("button", { name: "Signed in as alice" });
const live = (page: Page) => page.getByRole("status", { name: "Changes are shown as they are" });
/** Of the address bar, with the path that it leads to decoded. */
const nextOf = (page: Page): string | null => new URL(page.url()).searchParams.get("next");

/** The page of the editor, with a comment typed that nobody has saved. */
async function typed(page: Page, comment: string): Promise<void> {
  await page.locator(".code .cm-line", { hasText: '"Type": "Pass"' }).first().click();
  await page.keyboard.press("End");
  await page.keyboard.insertText(`\n"Comment": "${comment}",`);
  await page.locator(".code .cm-line", { hasText: comment }).waitFor();
}

test("a link asks for the key first, says that a secret is wrong, and leads where it was meant to", async () => {
  const path = withQuery(machinePath(machine), { view: "definition", state: "Last" });
  const page = await visit(path, { colorScheme: "dark" });
  await page.getByRole("heading", { name: "Sign in to Stepwell" }).waitFor();
  expect(nextOf(page)).toBe(path);
  expect(await page.getByLabel("Access key id").evaluate((field) => field === document.activeElement)).toBe(true);
  await settled(page);
  await expectAccessible(page);
  await signIn(page, "not-the-secret-of-it");
  const problem = page.getByRole("alert").filter({ hasText: "the key is refused" });
  await problem.waitFor();
  await expect.poll(() => problem.evaluate((note) => note === document.activeElement)).toBe(true);
  await expectAccessible(page);
  expect(page.url()).not.toContain("secret");
  await signIn(page);
  await page.getByRole("heading", { name: "Guarded" }).waitFor();
  expect(`/console${path}`).toBe(new URL(page.url()).pathname + new URL(page.url()).search);
  await live(page).waitFor({ state: "attached" });
  // No script finds the session or the key anywhere.
  const [cookie] = await page.context().cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  const kept = await page.evaluate("document.cookie + JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state, location.href])");
  expect(kept).not.toContain(cookie?.value);
  expect(kept).not.toContain(alice.secret);
});

test("an address that somebody else has made leads to no other site", async () => {
  const page = await visit("/sign-in?next=%2F%2Fexample.com%2Fconsole");
  await signIn(page);
  await userButton(page).waitFor();
  expect(page.url()).toBe(`${server.url}/console/machines`);
});

test("who signs out is signed out everywhere, and nothing of what was read stays", async () => {
  const page = await visit(machinePath(machine));
  await signIn(page);
  await userButton(page).click();
  const session = page.getByRole("region", { name: "Session" });
  await session.getByText("arn:aws:iam::123456789012:user/alice").waitFor();
  await session.getByRole("button", { name: "Copy the ARN" }).waitFor();
  await expectAccessible(page);
  const other = await page.context().newPage();
  await other.goto(`${server.url}/console${machinePath(machine)}`);
  await live(other).waitFor({ state: "attached" });
  // By the palette, as all commands.
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Executions" }).first().click();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Find or do something" }).fill("sign out");
  await page.keyboard.press("Enter");
  await page.getByText("You are signed out").waitFor();
  expect(new URL(page.url()).search).toBe("?reason=out");
  expect(await page.context().cookies()).toEqual([]);
  // The other tab notices as soon as it asks for something, and can come back.
  await other.getByRole("link", { name: "Functions" }).click();
  await other.getByText("You are signed out").waitFor();
  expect(nextOf(other)).toBe("/functions");
  // What comes back shows nothing without a key.
  await page.goBack();
  await page.getByRole("heading", { name: "Sign in to Stepwell" }).waitFor();
  expect(await page.getByText("Guarded").count()).toBe(0);
  await signIn(page);
  await userButton(page).waitFor();
});

test("a session that is gone takes no unsaved definition with it", async () => {
  const page = await visit(editorPath(machine));
  await signIn(page);
  await typed(page, "kept as a draft");
  await page.context().clearCookies();
  // Each letter asks for diagnostics.
  await page.keyboard.insertText(" ");
  await page.getByText("What you had not saved is kept as a draft").waitFor();
  await signIn(page);
  await page.getByRole("button", { name: "Take the draft" }).click();
  await page.locator(".code .cm-line", { hasText: "kept as a draft" }).waitFor();
});

test("where no draft can be kept the page stays, and goes on after a sign-in in another tab", async () => {
  const page = await visit("/sign-in");
  // A browser that keeps nothing.
  await page.addInitScript("Storage.prototype.setItem = () => { throw new Error('full'); }");
  await page.goto(`${server.url}/console${editorPath(machine)}`);
  await signIn(page);
  await typed(page, "nowhere but here");
  await page.context().clearCookies();
  await page.keyboard.insertText(" ");
  const note = page.getByRole("dialog", { name: "You are not signed in any more" });
  await note.waitFor();
  await expectAccessible(page);
  await signInElsewhere(page, note);
  await page.locator(".code .cm-line", { hasText: "nowhere but here" }).click();
  await page.keyboard.press("End");
  await page.keyboard.insertText(" ");
  await page.getByRole("region", { name: "Diagnostics" }).getByText("Valid", { exact: true }).waitFor();
});

test("an input that is typed stays where it is, and starts what it was meant to", async () => {
  const page = await visit(machinePath(machine));
  await signIn(page);
  await page.getByRole("button", { name: "Start execution" }).click();
  await page.getByLabel("Input").fill('{"typed": "by hand"}');
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await signInElsewhere(page, page.getByRole("dialog", { name: "You are not signed in any more" }));
  expect(await page.getByLabel("Input").inputValue()).toBe('{"typed": "by hand"}');
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("status", { name: "Status" }).getByText("Succeeded").waitFor();
});

test("a session that ends soon says so, on a phone too", async () => {
  const page = await visit("/sign-in?next=%2Fexecutions", { viewport: { width: 390, height: 844 } });
  await page.clock.install();
  await signIn(page);
  await live(page).waitFor({ state: "attached" });
  await userButton(page).waitFor();
  // Twelve hours are long.
  await page.clock.fastForward("11:50:00");
  await page.getByText(/^Your session ends in (9|10) minutes$/).waitFor();
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await expectAccessible(page);
  await page.getByRole("link", { name: "Sign in again" }).click();
  await page.getByText("You are signed in as alice").waitFor();
  expect(nextOf(page)).toBe("/executions");
});
