import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { editorPath, withQuery } from "../src/model/arn";
import { expectAccessible, settled } from "./browser";
import { journeys } from "./journey";
import { charge, CHARGE_SOURCE, flow } from "./machines";
import type { Language } from "../src/model/newStates";
import { expressionTest, NO_MOCK, stateTest } from "../src/model/stateTest";
import type { Given } from "../src/model/stateTest";
import { Server } from "./server";

const server = new Server();
const visit = journeys(server, { viewport: { width: 1440, height: 900 } });

const state = (page: Page, name: string): Locator => page.locator(`.react-flow__node[data-id="${name}"]`);
const said = (page: Page): Locator => page.locator(".graph-said");
const fromPalette = (page: Page, title: string): Locator => page.getByRole("group", { name: "States to add" }).getByRole("button", { name: title, exact: true });

/** Waits until nothing in the picture has moved for some frames: it is laid out anew after an edit, and fitted into its place. */
async function still(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        let [before, frames] = ["", 0];
        const look = (): void => {
          const places = [...document.querySelectorAll(".react-flow__viewport, .react-flow__node")].map((one) => {
            const { x, y, width } = one.getBoundingClientRect();
            return `${x},${y},${width}`;
          });
          const now = places.join(" ");
          frames = now === before ? frames + 1 : 0;
          before = now;
          if (frames >= 12) resolve();
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
}

/** The definition that a state machine has now. */
async function definitionOf(machine: string): Promise<Record<string, any>> {
  const { definition } = await server.states("DescribeStateMachine", { stateMachineArn: machine });
  return JSON.parse(definition) as Record<string, any>;
}

async function save(page: Page): Promise<void> {
  await page.keyboard.press("Control+s");
  const dialog = page.getByRole("dialog", { name: "Save a new revision" });
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved as a new revision").waitFor();
}

test("a machine is built by dragging alone, and run", async () => {
  const page = await visit("/machines/new?show=graph");
  await settled(page);
  await state(page, "First").waitFor();
  // Onto a state: behind it. Onto its upper edge: before it. Onto an edge: between.
  await fromPalette(page, "Wait").dragTo(state(page, "First"), { targetPosition: { x: 60, y: 40 } });
  await state(page, "Wait").waitFor();
  await fromPalette(page, "Succeed").dragTo(state(page, "Wait"), { targetPosition: { x: 60, y: 40 } });
  await state(page, "Succeed").waitFor();
  await fromPalette(page, "Parallel").dragTo(state(page, "Succeed"), { targetPosition: { x: 60, y: 4 } });
  await state(page, "Parallel").waitFor();
  // Inside of a branch.
  await fromPalette(page, "Fail").dragTo(state(page, "Pass"), { targetPosition: { x: 30, y: 30 } });
  await state(page, "Fail").waitFor();
  await said(page).getByText("Undo").click();
  await state(page, "Fail").waitFor({ state: "detached" });
  // A state that is dragged goes before another: the way closes behind it.
  await drag(page, state(page, "Wait"), state(page, "First"), 0.1);
  await page.locator(".state", { hasText: "Wait" }).getByText("· start").waitFor();
  await page.getByText("Valid", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Create", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Create the state machine" });
  await dialog.getByLabel("Name").fill("Dragged");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.waitForURL(/stateMachine:Dragged\/edit/);
  const { stateMachines } = await server.states("ListStateMachines", {});
  const machine = stateMachines.find((one) => one.name === "Dragged")?.stateMachineArn ?? "";
  const { StartAt, States } = await definitionOf(machine);
  expect([StartAt, States.Wait.Next, States.First.Next, States.Parallel.Next, States.Parallel.Branches.length]).toEqual(["Wait", "First", "Parallel", "Succeed", 2]);
  await page.getByRole("button", { name: "Start execution" }).click();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("status", { name: "Status" }).getByText(/Running|Succeeded/).waitFor();
});

/** Drags a state by the pointer, as somebody's hand would. */
async function drag(page: Page, what: Locator, onto: Locator, height: number): Promise<void> {
  await still(page);
  const [from, to] = [await what.boundingBox(), await onto.boundingBox()];
  if (from === null || to === null) throw new Error("nothing to drag");
  await page.mouse.move(from.x + 30, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(from.x + 30, from.y + from.height / 2 - 20, { steps: 3 });
  await page.mouse.move(to.x + to.width / 2, to.y + to.height * height, { steps: 6 });
  await page.locator(".graph-drop").waitFor();
  await page.mouse.up();
}

test("connections are drawn from handle to handle, led elsewhere, and taken away", async () => {
  const machine = await server.createMachine("Connected", {
    StartAt: "A",
    States: { A: { Type: "Pass", Next: "B" }, B: { Type: "Pass", Next: "C" }, C: { Type: "Pass", End: true } },
  });
  const page = await visit(withQuery(editorPath(machine), { show: "graph" }));
  await state(page, "A").click();
  await still(page);
  const [from, to] = [await state(page, "A").locator(".react-flow__handle.source").boundingBox(), await state(page, "C").locator(".react-flow__handle.target").boundingBox()];
  if (from === null || to === null) throw new Error("no handles");
  await page.mouse.move(from.x + 5, from.y + 5);
  await page.mouse.down();
  await page.mouse.move(to.x - 40, to.y - 10, { steps: 5 });
  await page.mouse.move(to.x + 5, to.y + 5, { steps: 5 });
  await page.mouse.up();
  await said(page).getByText("Nothing leads to “B”.").waitFor();
  const middle = await middleOf(page, "B>next0>C");
  await page.mouse.click(middle.x, middle.y);
  await page.locator(".react-flow__edge.is-chosen").waitFor();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await said(page).getByText("“B” is the end now.").waitFor();
  await expect.poll(() => page.locator(".react-flow__edge").count()).toBe(1);
  // The end of a connection is led to another state.
  const lead = async (edge: string, to: string): Promise<void> => {
    await still(page);
    const end = await page.locator(`.react-flow__edge[data-id="${edge}"] .react-flow__edgeupdater-target`).boundingBox();
    const onto = await state(page, to).boundingBox();
    if (end === null || onto === null) throw new Error("no end to drag");
    await page.mouse.move(end.x + end.width / 2, end.y + end.height / 2 - 3);
    await page.mouse.down();
    await page.mouse.move(onto.x + onto.width / 2 + 20, onto.y - 30, { steps: 4 });
    await page.mouse.move(onto.x + onto.width / 2, onto.y + 4, { steps: 4 });
    await page.mouse.up();
  };
  await lead("A>next0>C", "B");
  await page.locator('.react-flow__edge[data-id="A>next0>B"]').waitFor({ state: "attached" });
});

/** Where an edge is half way. */
async function middleOf(page: Page, id: string): Promise<{ x: number; y: number }> {
  await still(page);
  return page.locator(`.react-flow__edge[data-id="${id}"] path.react-flow__edge-path`).evaluate((path) => {
    const line = path as SVGPathElement;
    const { x, y } = line.getPointAtLength(line.getTotalLength() / 2);
    const matrix = line.getScreenCTM();
    return matrix === null ? { x, y } : { x: x * matrix.a + matrix.e, y: y * matrix.d + matrix.f };
  });
}

test("a machine is built by keys alone, and what they did is undone and redone", async () => {
  const machine = await server.createMachine("Typed", { StartAt: "First", States: { First: { Type: "Pass", End: true } } });
  const page = await visit(withQuery(editorPath(machine), { show: "graph" }));
  await state(page, "First").waitFor();
  await page.keyboard.press("Tab");
  for (let presses = 0; presses < 60 && !(await page.evaluate(() => document.activeElement?.closest(".react-flow__node") !== null)); presses += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator(".state.is-chosen", { hasText: "First" }).waitFor();
  // A Choice after it; menus are searched by letters.
  await page.keyboard.press("a");
  await page.getByRole("menu", { name: "Add a state" }).waitFor();
  await page.keyboard.type("Choice");
  await page.keyboard.press("Enter");
  await page.locator(".state.is-chosen", { hasText: "Choice" }).waitFor();
  await said(page).getByText(/cannot be the last state/).waitFor();
  // Down along the way, and a Fail before the end; the Choice leads there too.
  await page.keyboard.press("ArrowUp");
  await page.locator(".state.is-chosen", { hasText: "First" }).waitFor();
  await page.keyboard.press("d");
  await page.locator(".state.is-chosen", { hasText: "First (1)" }).waitFor();
  await page.keyboard.press("Alt+ArrowUp");
  await page.locator(".state.is-chosen", { hasText: "First (1)" }).getByText("· start").waitFor();
  await page.keyboard.press("F2");
  await page.getByRole("dialog", { name: "Rename First (1)" }).waitFor();
  await page.keyboard.type("Before");
  await page.keyboard.press("Enter");
  await page.locator(".state.is-chosen", { hasText: "Before" }).waitFor();
  await page.keyboard.press("c");
  await page.getByRole("menu", { name: "Where Before leads" }).waitFor();
  await page.keyboard.type("choi");
  await page.keyboard.press("Enter");
  await said(page).getByText("Nothing leads to “First”.").waitFor();
  await page.keyboard.press("Control+z");
  await expect.poll(() => page.locator(".react-flow__edge").count()).toBe(4);
  await page.keyboard.press("ArrowDown");
  await page.locator(".state.is-chosen .state-name", { hasText: /^First$/ }).waitFor();
  await page.keyboard.press("Delete");
  await state(page, "First").waitFor({ state: "detached" });
  await page.keyboard.press("Control+z");
  await state(page, "First").waitFor();
  await page.keyboard.press("Control+Shift+z");
  await state(page, "First").waitFor({ state: "detached" });
  await save(page);
  expect(await definitionOf(machine)).toEqual({
    StartAt: "Before",
    States: {
      Before: { Type: "Pass", Next: "Choice" },
      Choice: { Type: "Choice", Choices: [{ Variable: "$.value", IsPresent: true, Next: "Success" }], Default: "Success" },
      Success: { Type: "Succeed" },
    },
  });
});

test("a state is edited by its form, tested with a mock and with an error, saved and run", async () => {
  const machine = await server.createMachine("Formed", charge(await server.createFunction("ChargeCard", CHARGE_SOURCE)));
  const earlier = await server.start(machine, { customer: "Ada", amount: 7 }, "earlier");
  await server.ended(earlier);
  const page = await visit(withQuery(editorPath(machine), { state: "Charge" }));
  const form = page.getByRole("complementary", { name: "State Charge" });
  // What is wrong is told at its field.
  await form.getByLabel("ResultPath").first().fill("charge");
  await form.locator(".field.is-wrong", { hasText: "ResultPath" }).first().waitFor();
  await form.getByLabel("ResultPath").first().fill("$.charged");
  await form.locator(".field.is-wrong").first().waitFor({ state: "detached" });
  await form.getByLabel("TimeoutSeconds").fill("30");
  await form.getByRole("button", { name: "Add a catcher" }).click();
  await form.getByRole("button", { name: "Remove catcher 2" }).waitFor();
  // The same at the truth: the text.
  await page.locator(".code .cm-line", { hasText: '"TimeoutSeconds": 30' }).waitFor();

  await form.getByRole("button", { name: "Test state" }).click();
  await form.getByText("Take the input of an execution").click();
  await form.getByRole("button", { name: /"customer":"Ada"/ }).click();
  expect(await form.getByLabel("Input", { exact: true }).inputValue()).toContain('"amount": 7');
  await form.getByRole("button", { name: "A result" }).click();
  await form.getByLabel("Mocked result").fill('{"receipt": 41}');
  await form.locator("button[type=submit]").click();
  const result = form.getByRole("region", { name: "Result of the test" });
  await result.getByText("Succeeded").waitFor();
  await result.getByRole("button", { name: "Ship" }).waitFor();
  await result.locator(".pane[open]").getByText("receipt").first().waitFor();
  await form.getByRole("button", { name: "An error" }).click();
  await form.getByLabel("Error", { exact: true }).fill("OutOfStock");
  await form.getByLabel("Cause").fill("none left");
  await form.locator("button[type=submit]").click();
  await result.getByText("Caught error").waitFor();
  await result.getByRole("button", { name: "Apologise" }).waitFor();
  // Without a mock the function runs.
  await form.getByRole("button", { name: "None", exact: true }).click();
  await form.locator("button[type=submit]").click();
  await result.getByText("Succeeded").waitFor();
  await expectAccessible(page);
  await save(page);
  expect((await definitionOf(machine)).States.Charge).toMatchObject({ ResultPath: "$.charged", TimeoutSeconds: 30, Catch: [{ Next: "Apologise" }, { ErrorEquals: ["States.ALL"] }] });
  const run = await server.start(machine, { customer: "Ada", amount: 8 });
  expect((await server.ended(run)).output).toContain('"charged"');
});

test("rules of a Choice are built, and an expression is tried on the input of an execution", async () => {
  const machine = await server.createMachine("Ruled", flow);
  await server.ended(await server.start(machine, { items: [3, 4], seconds: 0 }, "earlier"));
  const page = await visit(withQuery(editorPath(machine), { state: "Has items?" }));
  const form = page.getByRole("complementary", { name: "State Has items?" });
  await form.getByRole("button", { name: "Add a comparison" }).click();
  await form.getByLabel("Variable").nth(1).fill("$.seconds");
  await form.getByLabel("Operator").nth(1).selectOption("NumericLessThan");
  await form.getByLabel("Value").nth(1).fill("9");
  await page.locator(".code .cm-line", { hasText: '"NumericLessThan": 9' }).waitFor();
  await form.getByRole("button", { name: "Expression", exact: true }).click();
  await form.getByText("Take the input of an execution").click();
  await form.getByRole("button", { name: /"items":\[3,4\]/ }).click();
  const given = form.getByRole("status", { name: "What the expression gives" });
  await form.getByLabel("JSONPath expression").fill("States.ArrayLength($.items)");
  await given.getByLabel("the value", { exact: true }).getByText("2").waitFor();
  await form.getByLabel("JSONPath expression").fill("$.items[7].price");
  await given.getByText(/could not be found/i).waitFor();
  await form.getByLabel("JSONPath expression").fill("States.Nonsense(");
  await given.getByRole("alert").waitFor();
  await form.getByText("Variables and context").click();
  await form.getByLabel("Context").fill('{"Execution": {"Name": "mine"}}');
  await form.getByLabel("JSONPath expression").fill("$$.Execution.Name");
  await given.getByLabel("the value", { exact: true }).getByText("mine").waitFor();
  // In another language the state has fields that are not valid; they are shown, and go.
  await state(page, "Read order").click();
  await page.getByRole("button", { name: "Fields", exact: true }).click();
  const other = page.getByRole("complementary", { name: "State Read order" });
  await other.getByLabel("QueryLanguage").selectOption("JSONata");
  await other.getByText("Pass in JSONata has no such field.").waitFor();
  await other.locator(".strangers li", { hasText: "Parameters" }).getByRole("button", { name: "Remove" }).click();
  await other.getByText("Not valid here").waitFor({ state: "detached" });
});

test("the server evaluates expressions, and tests states of a draft", async () => {
  const given: Given = { input: '{"a":[1,2],"o":{"x":"y"}}', variables: '{"v":{"x":1}}', context: "" };
  const value = async (language: Language, expression: string, context = "", result = ""): Promise<string | null | undefined> => {
    const asked = expressionTest(language, expression, { ...given, context, result, isItem: expression.includes("Map.Item") });
    const answer = await server.states("TestState", asked.request);
    return answer.status === "SUCCEEDED" ? asked.read(answer) : answer.error;
  };
  const context = '{"Execution":{"Name":"n"}}';
  expect(await value("JSONPath", "$.a[0]")).toBe("1");
  expect(await value("JSONPath", "$v.x")).toBe("1");
  expect(await value("JSONPath", "States.ArrayLength($.a)")).toBe("2");
  expect(await value("JSONPath", "$.missing")).toBe("States.Runtime");
  expect(await value("JSONPath", "$$.Execution.Name", context)).toBe('"n"');
  expect(await value("JSONPath", "$.r", "", '{"r":5}')).toBe("5");
  expect(await value("JSONata", "$sum($states.input.a) + $v.x")).toBe("4");
  expect(await value("JSONata", "$states.input.missing")).toBe("States.QueryEvaluationError");
  expect(await value("JSONata", "$states.context.Execution.Name", context)).toBe('"n"');
  expect(await value("JSONata", "{% $states.result.r & $states.input.o.x %}", "", '{"r":5}')).toBe('"5y"');
  expect(await value("JSONPath", "$$.Map.Item.Value.o.x")).toBe('"y"');
  expect(await value("JSONata", "$states.context.Map.Item.Index")).toBe("0");
  await expect(value("JSONata", "1 +")).rejects.toThrow("INVALID_JSONATA_EXPRESSION");

  // “Broken” is not valid; what is not it can be tested.
  const inner = { StartAt: "Item", States: { Item: { Type: "Pass", Output: "{% $states.input.v & $states.context.Map.Item.Index %}", End: true } } };
  const draft = {
    QueryLanguage: "JSONata",
    StartAt: "Each",
    States: { Each: { Type: "Map", Items: "{% $states.input %}", MaxConcurrency: 3, ItemProcessor: inner, Next: "Broken" }, Broken: { Type: "Pass" } },
  };
  const asked = { roleArn: "", level: "TRACE" } as const;
  const tested = async (name: string, input: string, more = {}): Promise<object> => {
    const request = stateTest(draft, name, { input, variables: "", context: "" }, { ...NO_MOCK, ...more }, asked);
    if (request === null) throw new Error("no request");
    return server.states("TestState", request);
  };
  expect(await tested("Each", "[1,2]", { kind: "result", result: "[3,4]" })).toMatchObject({ status: "SUCCEEDED", nextState: "Broken", output: "[3,4]", inspectionData: { maxConcurrency: 3 } });
  expect(await tested("Each", "[1,2]", { kind: "error", error: "Boom" })).toMatchObject({ status: "FAILED", error: "Boom" });
  expect(await tested("Item", '{"v":"x"}')).toMatchObject({ status: "SUCCEEDED", output: '"x0"' });
});

test("levels within levels are edited: dragged into, wrapped, and caught from", async () => {
  const machine = await server.createMachine("Nested", flow);
  const page = await visit(withQuery(editorPath(machine), { show: "graph" }));
  await state(page, "Mail").waitFor();
  // Into a branch, and a state from the way into the Map.
  await fromPalette(page, "Fail").dragTo(state(page, "Mail"), { targetPosition: { x: 30, y: 3 } });
  await said(page).getByText("Nothing leads to “Mail”.").waitFor();
  await page.keyboard.press("Control+z");
  await state(page, "Fail").waitFor({ state: "detached" });
  await drag(page, state(page, "Short wait"), state(page, "Tax"), 0.8);
  await expect.poll(() => page.locator('.react-flow__edge[data-id="Tax>next0>Short wait"]').count()).toBe(1);
  // Errors are caught by the handle at the side.
  await state(page, "Notify").click({ position: { x: 30, y: 10 } });
  await still(page);
  const [from, to] = [await state(page, "Notify").locator("> .state > .react-flow__handle.is-catch").boundingBox(), await state(page, "Nothing to do").locator(".react-flow__handle.target").boundingBox()];
  if (from === null || to === null) throw new Error("no handles");
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(to.x + 40, to.y - 20, { steps: 4 });
  await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 4 });
  await page.mouse.up();
  await page.locator(".react-flow__edge.edge-catch").waitFor({ state: "attached" });
  // Two states together into a Parallel.
  await state(page, "Price").click();
  await state(page, "Tax").click({ modifiers: ["Shift"] });
  await state(page, "Tax").click({ button: "right" });
  const menu = page.getByRole("menu", { name: "2 states" });
  await menu.waitFor();
  await expectAccessible(page);
  await menu.getByRole("menuitem", { name: "Wrap in Parallel" }).click();
  await state(page, "Parallel").waitFor();
  await state(page, "Parallel").click({ button: "right", position: { x: 10, y: 10 } });
  await page.getByRole("menuitem", { name: "Add a branch" }).click();
  await page.getByText("Valid", { exact: true }).first().waitFor();
  await save(page);
  const { States } = await definitionOf(machine);
  const inside = States["Each item"].ItemProcessor;
  expect([States["Read order"].Next, inside.StartAt, inside.States.Parallel.Next, inside.States["Short wait"].End]).toEqual(["Has items?", "Parallel", "Short wait", true]);
  expect(inside.States.Parallel.Branches.map((branch: { StartAt: string }) => branch.StartAt)).toEqual(["Price", "Pass"]);
  expect(States.Notify.Catch).toEqual([{ ErrorEquals: ["States.ALL"], Next: "Nothing to do" }]);
});

test("a state of JSONata has the fields of JSONata", async () => {
  const machine = await server.createMachine("Jsonata", {
    QueryLanguage: "JSONata",
    StartAt: "Which",
    States: {
      Which: { Type: "Choice", Choices: [{ Condition: "{% $states.input.n > 1 %}", Next: "Many" }], Default: "One" },
      Many: { Type: "Pass", Output: { total: "{% $states.input.n * 2 %}" }, End: true },
      One: { Type: "Wait", Seconds: 0, End: true },
    },
  });
  await server.ended(await server.start(machine, { n: 4 }));
  const page = await visit(withQuery(editorPath(machine), { state: "Which" }), { colorScheme: "dark" });
  const form = page.getByRole("complementary");
  await form.getByLabel("Condition").fill("{% $states.input.n > %}");
  await form.locator(".field.is-wrong", { hasText: "Condition" }).waitFor();
  await form.getByLabel("Condition").fill("{% $states.input.n > 3 %}");
  await form.locator(".field.is-wrong").waitFor({ state: "detached" });
  await form.getByRole("button", { name: "Try" }).first().click();
  await form.getByText("Take the input of an execution").click();
  await form.getByRole("button", { name: /"n":4/ }).click();
  await form.getByRole("status", { name: "What the expression gives" }).getByText("true").waitFor();
  await expectAccessible(page);
  await state(page, "One").click();
  await form.getByRole("button", { name: "Fields", exact: true }).click();
  await form.getByLabel("Wait for").selectOption("Timestamp");
  await page.locator(".code .cm-line", { hasText: '"Timestamp": "2027-01-01T00:00:00Z"' }).waitFor();
  expect(await form.getByLabel("ResultPath").count()).toBe(0);
  await state(page, "Many").click();
  await form.getByLabel("Name").fill("Lots");
  await form.getByLabel("Name").press("Enter");
  await page.locator(".state.is-chosen", { hasText: "Lots" }).waitFor();
  await page.getByRole("button", { name: "Undo" }).first().click();
  await state(page, "Many").waitFor();
  await form.waitFor({ state: "detached" });
});
