import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { editorPath, machinePath, withQuery } from "../src/model/arn";
import { expectAccessible, settled } from "./browser";
import { journeys } from "./journey";
import { flow } from "./machines";
import { Server } from "./server";

const server = new Server();
const visit = journeys(server);

const small = {
  StartAt: "First",
  States: { First: { Type: "Pass", Next: "Last" }, Last: { Type: "Succeed" } },
};

const code = (page: Page) => page.getByRole("textbox", { name: "Definition" });
const diagnostics = (page: Page) => page.getByRole("region", { name: "Diagnostics" });

/** Puts the cursor behind a text of the editor. */
async function cursorBehind(page: Page, text: string): Promise<void> {
  await page.locator(".code .cm-line", { hasText: text }).first().click();
  await page.keyboard.press("End");
}

test("a definition is edited with its diagnostics, saved with its difference, and run", async () => {
  const machine = await server.createMachine("Edited", small);
  const page = await visit(machinePath(machine));
  await page.getByRole("link", { name: "Edit" }).click();
  await diagnostics(page).getByText("Valid", { exact: true }).waitFor();
  // A state that nothing leads to any more, and one that is not there.
  await page.locator(".code .cm-line", { hasText: '"Next": "Last"' }).getByText('"Last"').dblclick();
  await page.keyboard.insertText("Lost");
  await diagnostics(page).getByText(/error/).first().waitFor();
  await page.locator(".code .cm-lintRange-error").first().waitFor();
  const missing = diagnostics(page).getByRole("button", { name: /Missing 'Next' target/ });
  expect(await missing.textContent()).toContain("/States/First/Next");
  await missing.click();
  expect(await code(page).evaluate((text) => (text.getRootNode() as ShadowRoot).activeElement === text)).toBe(true);
  // What the server refuses is told where it is.
  await page.keyboard.press("Control+s");
  const dialog = page.getByRole("dialog", { name: "Save a new revision" });
  await dialog.getByText(/States: 1 changed/).waitFor();
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await dialog.getByText("InvalidDefinition").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await diagnostics(page).getByText("Valid", { exact: true }).waitFor();
  // A field by completion: the next free name of a Pass state.
  await cursorBehind(page, '"Type": "Pass"');
  await page.keyboard.press("Enter");
  await page.keyboard.type('"Res');
  await page.getByRole("option", { name: /^ResultJSONPath/ }).click();
  await page.keyboard.type('"done"');
  await diagnostics(page).getByText("Valid", { exact: true }).waitFor();
  await page.keyboard.press("Control+s");
  await dialog.locator(".code-diff .cm-changedLine", { hasText: '"Result": "done"' }).first().waitFor();
  await dialog.getByLabel("Publish as a version").check();
  await dialog.getByLabel("Description of the version").fill("with a result");
  await dialog.getByRole("button", { name: "Save and start" }).click();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("status", { name: "Status" }).getByText("Succeeded").waitFor();
  const saved = await server.states("DescribeStateMachine", { stateMachineArn: machine });
  expect(JSON.parse(saved.definition).States.First).toEqual({ Type: "Pass", Result: "done", Next: "Last" });
  const { stateMachineVersions } = await server.states("ListStateMachineVersions", { stateMachineArn: machine });
  expect(stateMachineVersions.length).toBe(1);
});

test("text and graph choose the same state, and one history undoes them", async () => {
  const machine = await server.createMachine("Chosen", flow);
  const page = await visit(editorPath(machine));
  await page.locator(".state", { hasText: "Notify" }).first().click();
  await page.locator(".code .chosen", { hasText: "Notify" }).first().waitFor();
  await page.getByRole("complementary", { name: "State Notify" }).waitFor();
  await page.locator(".code .cm-line", { hasText: '"Told": {' }).click();
  await page.locator(".state.is-chosen", { hasText: "Told" }).waitFor();
  expect(page.url()).toContain("state=Told");
  // A text that is no JSON keeps the graph, and says where it breaks.
  await page.keyboard.press("End");
  await page.keyboard.type(",");
  await diagnostics(page).getByText(/Not JSON/).waitFor();
  await page.getByText("The text is no JSON now").waitFor();
  await page.keyboard.press("Control+z");
  await diagnostics(page).getByText("Valid", { exact: true }).waitFor();
  await settled(page);
  await expectAccessible(page);
});

test("a new state machine is created, with the names that the editor offers", async () => {
  const functionArn = await server.createFunction("Offered", "export const handler = async () => 1;");
  const page = await visit("/machines/new");
  await page.locator(".code .cm-line", { hasText: '"Type": "Pass"' }).getByText('"Pass"').dblclick();
  await page.keyboard.type("Tas");
  await page.getByRole("option", { name: /^Task/ }).click();
  await cursorBehind(page, '"Type": "Task"');
  await page.keyboard.press("Enter");
  await page.keyboard.type('"Reso');
  await page.getByRole("option", { name: /^Resource/ }).click();
  await page.keyboard.press("Control+Space");
  await page.getByRole("option", { name: new RegExp(functionArn) }).click();
  await diagnostics(page).getByText("Valid", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Create" }).click();
  const dialog = page.getByRole("dialog", { name: "Create the state machine" });
  await dialog.getByLabel("Name").fill("Created");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.waitForURL(/stateMachine:Created\/edit/);
  await page.getByRole("heading", { name: "Created" }).waitFor();
  const made = await server.states("DescribeStateMachine", { stateMachineArn: /arn:[^/]+/.exec(decodeURIComponent(page.url()))?.[0] ?? "" });
  expect(JSON.parse(made.definition).States.First).toEqual({ Type: "Task", Resource: functionArn, End: true });
});

test("names that are read late come into the list of offers that is open", async () => {
  const functionArn = await server.createFunction("Late", "export const handler = async () => 1;");
  const page = await visit("/machines");
  let answer = () => {};
  const asked = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/2015-03-31/functions?**", async (route) => {
    await asked;
    await route.continue();
  });
  await page.goto(`${server.url}/console/machines/new`);
  await page.locator(".code .cm-line", { hasText: '"Type": "Pass"' }).getByText('"Pass"').dblclick();
  await page.keyboard.insertText("Task");
  await cursorBehind(page, '"Type": "Task"');
  await page.keyboard.press("Enter");
  await page.keyboard.type('"Reso');
  await page.getByRole("option", { name: /^Resource/ }).click();
  await page.keyboard.press("Control+Space");
  await page.getByRole("option", { name: /arn:aws:states:::lambda:invoke/ }).first().waitFor();
  expect(await page.getByRole("option", { name: new RegExp(functionArn) }).count()).toBe(0);
  answer();
  await page.getByRole("option", { name: new RegExp(functionArn) }).waitFor();
});

test("a text that was not saved is asked for, kept, and offered back", async () => {
  const machine = await server.createMachine("Drafted", small);
  const page = await visit(editorPath(machine));
  await cursorBehind(page, '"StartAt"');
  await page.keyboard.press("Enter");
  await page.keyboard.type('"Comment": "a draft",');
  await page.getByText("Not saved; a draft is kept here").waitFor();
  await page.getByRole("link", { name: "Functions" }).click();
  await page.getByRole("button", { name: "Stay" }).click();
  await page.getByRole("link", { name: "Functions" }).click();
  await page.getByRole("button", { name: "Leave" }).click();
  await page.getByRole("heading", { name: /Functions|No functions/ }).first().waitFor();
  await page.goto(`${server.url}/console${editorPath(machine)}`);
  await page.getByRole("button", { name: "Take the draft" }).click();
  await page.locator(".code .cm-line", { hasText: '"Comment": "a draft"' }).waitFor();
  // Somebody else saves: the page says so before it saves over it.
  await server.states("UpdateStateMachine", { stateMachineArn: machine, definition: JSON.stringify({ ...small, TimeoutSeconds: 60 }) });
  await page.keyboard.press("Control+s");
  const dialog = page.getByRole("dialog", { name: "Save a new revision" });
  await dialog.getByText("It was changed by somebody else").waitFor();
  await dialog.locator(".cm-changedLine", { hasText: "TimeoutSeconds" }).first().waitFor();
  await dialog.getByRole("button", { name: "Save over it" }).click();
  await page.getByText("Saved as a new revision").waitFor();
  const saved = await server.states("DescribeStateMachine", { stateMachineArn: machine });
  expect(JSON.parse(saved.definition)).toEqual({ StartAt: "First", Comment: "a draft", States: small.States });
});

test("a graph is exported as pictures, its definition as ASL and Mermaid", async () => {
  const machine = await server.createMachine("Exported", flow);
  const page = await visit(withQuery(machinePath(machine), { view: "definition" }));
  const taken = async (item: RegExp): Promise<{ name: string; bytes: Buffer }> => {
    await page.getByRole("button", { name: "Export" }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: item }).click()]);
    return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
  };
  const svg = await taken(/SVG/);
  expect(svg.name).toBe("Exported.svg");
  expect(svg.bytes.toString()).toContain(">Each item</text>");
  const png = await taken(/PNG/);
  expect(png.name).toBe("Exported.png");
  expect(png.bytes.subarray(1, 4).toString()).toBe("PNG");
  expect(png.bytes.readUInt32BE(16)).toBeGreaterThan(600);
  expect((await taken(/Mermaid/)).bytes.toString()).toMatch(/^stateDiagram-v2\n/);
  expect(JSON.parse((await taken(/ASL/)).bytes.toString())).toEqual(flow);
});

test("versions and the draft are compared, by state and by text", async () => {
  const machine = await server.createMachine("Compared", small);
  await server.states("PublishStateMachineVersion", { stateMachineArn: machine });
  const changed = { StartAt: "First", States: { First: { Type: "Pass", Result: 7, Next: "Wait" }, Wait: { Type: "Wait", Seconds: 1, Next: "Done" }, Done: { Type: "Succeed", Comment: "other" } } };
  await server.states("UpdateStateMachine", { stateMachineArn: machine, definition: JSON.stringify(changed, null, 2) });
  const page = await visit(withQuery(machinePath(machine), { view: "versions" }));
  await page.getByRole("link", { name: "compare with the current revision" }).click();
  await page.getByText("States: 2 added, 1 removed, 1 changed").waitFor();
  await page.locator(".state.tone-good", { hasText: "Wait" }).getByText("Added").waitFor();
  await page.locator(".state.is-removed", { hasText: "Last" }).getByText("Removed").waitFor();
  await page.locator(".code-diff .cm-changedLine", { hasText: '"Result": 7' }).first().waitFor();
  const differs = page.getByRole("region", { name: "What differs" });
  await differs.getByText("Result added:").waitFor();
  await settled(page);
  await expectAccessible(page);
  // A draft of this browser is one of them.
  await page.evaluate((arn) => localStorage.setItem(`stepwell.draft.${arn}`, JSON.stringify({ text: '{"StartAt":"Only","States":{"Only":{"Type":"Succeed"}}}', at: 1, revisionId: null })), machine);
  await page.reload();
  await page.getByLabel("Compare to").selectOption("draft");
  await page.locator(".state.tone-good", { hasText: "Only" }).waitFor();
  expect(page.url()).toContain("to=draft");
});
