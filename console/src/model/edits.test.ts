import { describe, expect, test } from "vitest";
import { edited, readDocument } from "./document";
import { addBranch, addState, connect, deleteStates, disconnect, duplicate, isRefused, languageOf, makeStart, moveAlong, moveState, rename, targetsOf, wrap } from "./edits";
import type { Change, Place, Refused } from "./edits";
import { allNames, leaving, levelsOf, locate, looseEnds, referencesOf } from "./levels";
import { PALETTE } from "./newStates";
import { difference, isSame, withEdits } from "./pointerEdits";
import type { Obj } from "./pointerEdits";

/** A chain, a decision, a catcher, branches, items, and a level within a level. */
const ORDER: Obj = {
  StartAt: "Read",
  States: {
    Read: { Type: "Pass", Next: "Check" },
    Check: { Type: "Choice", Choices: [{ Variable: "$.paid", BooleanEquals: true, Next: "Ship" }, { Variable: "$.late", IsPresent: true, Next: "Remind" }], Default: "Stop" },
    Remind: { Type: "Wait", Seconds: 1, Next: "Check" },
    Ship: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Parameters: { FunctionName: "f" }, Catch: [{ ErrorEquals: ["A"], Next: "Stop" }], Next: "Tell" },
    Tell: {
      Type: "Parallel",
      Branches: [
        { StartAt: "Mail", States: { Mail: { Type: "Pass", Next: "Mailed" }, Mailed: { Type: "Pass", End: true } } },
        { StartAt: "Each", States: { Each: { Type: "Map", ItemProcessor: { StartAt: "One", States: { One: { Type: "Pass", End: true } } }, End: true } } },
      ],
      Next: "Done",
    },
    Done: { Type: "Succeed" },
    Stop: { Type: "Fail", Error: "Unpaid" },
  },
};

const done = (outcome: Change | Refused): Change => {
  if (isRefused(outcome)) throw new Error(outcome.problem);
  return outcome;
};
const after = (outcome: Change | Refused, definition: Obj = ORDER): Obj => withEdits(definition, done(outcome).edits) as Obj;
const problem = (outcome: Change | Refused): string => (isRefused(outcome) ? outcome.problem : "done");
const state = (definition: Obj, name: string): Obj => {
  const located = locate(definition, name);
  if (located === null) throw new Error(`no ${name}`);
  return located.state;
};
/** Where everything leads, in one line a state. */
const ways = (definition: Obj): string[] =>
  levelsOf(definition).flatMap((level) => referencesOf(level).map(({ from, kind, to }) => `${from ?? level.owner ?? ""}${from === null ? " starts" : ""} ${kind} ${to}`.trim()));
/** What changed of it. */
const changes = (outcome: Change | Refused, definition: Obj = ORDER): string[] => {
  const [before, now] = [ways(definition), ways(after(outcome, definition))];
  return [...before.filter((way) => !now.includes(way)).map((way) => `- ${way}`), ...now.filter((way) => !before.includes(way)).map((way) => `+ ${way}`)];
};

describe("add", () => {
  test("after a state: it leads to what that led to", () => {
    const outcome = addState(ORDER, "Wait", { kind: "after", name: "Read" });
    expect(changes(outcome)).toEqual(["- Read next Check", "+ Read next Wait", "+ Wait next Check"]);
    expect(done(outcome)).toMatchObject({ label: "Add Wait", select: "Wait", notes: [] });
    // In the text it stands behind the state that leads to it.
    expect(Object.keys(after(outcome)["States"] as Obj).slice(0, 2)).toEqual(["Read", "Wait"]);
    expect(done(outcome).edits).toEqual([
      { kind: "set", pointer: "/States/Read/Next", value: "Wait" },
      { kind: "set", pointer: "/States/Wait", value: { Type: "Wait", Seconds: 5, Next: "Check" }, after: "Read" },
    ]);
  });

  test("after the last state of a branch, of a Choice, and never after an end", () => {
    const branch = after(addState(ORDER, "Pass", { kind: "after", name: "Mailed" }));
    expect(state(branch, "Mailed")).toEqual({ Type: "Pass", Next: "Pass" });
    expect(state(branch, "Pass")).toEqual({ Type: "Pass", End: true });
    expect(changes(addState(ORDER, "Pass", { kind: "after", name: "Check" }))).toEqual(["- Check default Stop", "+ Check default Pass", "+ Pass next Stop"]);
    expect(problem(addState(ORDER, "Pass", { kind: "after", name: "Done" }))).toBe("“Done” is a Succeed: nothing comes after it.");
  });

  test("on any edge", () => {
    const edge = (from: string, kind: "next" | "choice" | "default" | "catch", index = 0): string[] => changes(addState(ORDER, "Pass", { kind: "edge", from, edge: kind, index }));
    expect(edge("Check", "choice", 1)).toEqual(["- Check choice Remind", "+ Check choice Pass", "+ Pass next Remind"]);
    expect(edge("Check", "default")).toEqual(["- Check default Stop", "+ Check default Pass", "+ Pass next Stop"]);
    expect(edge("Ship", "catch")).toEqual(["- Ship catch Stop", "+ Ship catch Pass", "+ Pass next Stop"]);
  });

  test("before a state, at the start, inside a branch, in a new branch, in nothing", () => {
    expect(changes(addState(ORDER, "Pass", { kind: "before", name: "Stop" }))).toEqual([
      "- Check default Stop", "- Ship catch Stop", "+ Check default Pass", "+ Ship catch Pass", "+ Pass next Stop",
    ]);
    expect(changes(addState(ORDER, "Pass", { kind: "start" }))).toEqual(["- starts start Read", "+ starts start Pass", "+ Pass next Read"]);
    expect(changes(addState(ORDER, "Pass", { kind: "inside", owner: "Tell", branch: 0 }))).toEqual(["+ Mailed next Pass"]);
    expect(changes(addBranch(ORDER, "Tell"))).toEqual(["+ Tell starts start Pass"]);
    expect((state(after(addBranch(ORDER, "Tell")), "Tell")["Branches"] as unknown[]).length).toBe(3);
    const empty = after(addState({}, "Pass", { kind: "start" }), {});
    expect(empty).toEqual({ StartAt: "Pass", States: { Pass: { Type: "Pass", End: true } } });
    expect(problem(addState(ORDER, "Pass", { kind: "inside", owner: "Read", branch: 0 }))).toMatch(/no Parallel and no Map/);
  });

  test("an end in the middle of a way says what nothing leads to any more", () => {
    const { notes } = done(addState(ORDER, "Succeed", { kind: "after", name: "Read" }));
    expect(notes).toContain("Nothing leads to “Check”.");
    expect(notes).toContain("Nothing leads to “Ship”.");
  });

  test("a Choice at the end gets a state to lead to", () => {
    const outcome = addState({ StartAt: "A", States: { A: { Type: "Pass", End: true } } }, "Choice", { kind: "after", name: "A" });
    expect(changes(outcome, { StartAt: "A", States: { A: { Type: "Pass", End: true } } })).toEqual(["+ A next Choice", "+ Choice choice Success", "+ Choice default Success"]);
    expect(done(outcome).notes[0]).toMatch(/cannot be the last state/);
  });

  test("names are free, as AWS's editor makes them, and fields fit the language", () => {
    const twice = after(addState(after(addState(ORDER, "Pass", { kind: "start" })), "Pass", { kind: "start" }), after(addState(ORDER, "Pass", { kind: "start" })));
    expect([...allNames(twice)]).toEqual(expect.arrayContaining(["Pass", "Pass (1)"]));
    const jsonata = { ...ORDER, QueryLanguage: "JSONata" };
    expect(state(after(addState(jsonata, "lambda:invoke", { kind: "start" }), jsonata), "Invoke function")).toHaveProperty("Arguments");
    expect(state(after(addState(ORDER, "lambda:invoke", { kind: "start" })), "Invoke function")).toHaveProperty("Parameters");
    expect(languageOf(jsonata)).toBe("JSONata");
    expect(languageOf(ORDER, { QueryLanguage: "JSONata" })).toBe("JSONata");
  });

  test("whatever is added to an empty machine stands there whole", () => {
    for (const item of PALETTE) {
      for (const language of ["JSONPath", "JSONata"]) {
        const machine = { QueryLanguage: language };
        expect(looseEnds(after(addState(machine, item.id, { kind: "start" }), machine))).toEqual([]);
      }
    }
  });
});

describe("connect", () => {
  test("Next, Default, a rule, a catcher", () => {
    expect(changes(connect(ORDER, "Read", "Ship"))).toEqual(["- Read next Check", "+ Read next Ship"]);
    const tail = after(connect(ORDER, "Mailed", "Mail"));
    expect(state(tail, "Mailed")).toEqual({ Type: "Pass", Next: "Mail" });
    // A Choice that has a Default gets a rule.
    const ruled = after(connect(ORDER, "Check", "Done"));
    expect((state(ruled, "Check")["Choices"] as Obj[])[2]).toEqual({ Variable: "$.value", IsPresent: true, Next: "Done" });
    expect(changes(connect(ORDER, "Check", "Done", { kind: "choice", index: 0 }))).toEqual(["- Check choice Ship", "+ Check choice Done"]);
    expect(changes(connect(ORDER, "Ship", "Done", { kind: "catch" }))).toEqual(["+ Ship catch Done"]);
  });

  test("never out of its level, from an end, or as what the type has not", () => {
    expect(problem(connect(ORDER, "Read", "Mail"))).toMatch(/not in the same level/);
    expect(problem(connect(ORDER, "Done", "Read"))).toMatch(/leads nowhere/);
    expect(problem(connect(ORDER, "Read", "Done", { kind: "catch" }))).toBe("A Pass catches nothing.");
    expect(problem(connect(ORDER, "Check", "Done", { kind: "next" }))).toMatch(/no Next/);
    expect(targetsOf(ORDER, "Mail")).toEqual(["Mailed"]);
  });

  test("what is taken away ends the way, or is gone", () => {
    const ended = done(disconnect(ORDER, "Read", "next", 0));
    expect(ended.notes).toContain("“Read” is the end now.");
    expect(ended.notes).toContain("Nothing leads to “Check”.");
    expect(state(after(disconnect(ORDER, "Ship", "catch", 0)), "Ship")).not.toHaveProperty("Catch");
    expect(done(disconnect(ORDER, "Check", "choice", 0)).edits).toEqual([{ kind: "remove", pointer: "/States/Check/Choices/0" }]);
  });
});

describe("delete", () => {
  test("the way goes on without the state, and what led to it is told", () => {
    const outcome = deleteStates(ORDER, ["Ship"]);
    expect(changes(outcome)).toEqual(["- Check choice Ship", "- Ship next Tell", "- Ship catch Stop", "+ Check choice Tell"]);
    expect(done(outcome)).toMatchObject({ select: "Tell", notes: ["Deleted “Ship”.", "“Check” (a choice rule) leads to “Tell” now."] });
  });

  test("an end that goes ends what led to it, and rules that led there go", () => {
    const outcome = deleteStates(ORDER, ["Stop"]);
    expect(changes(outcome)).toEqual(["- Check default Stop", "- Ship catch Stop"]);
    expect(done(outcome).notes).toEqual([
      "Deleted “Stop”.",
      "“Check” (Default) was taken away: it led nowhere else.",
      "“Ship” (a catcher) was taken away: it led nowhere else.",
    ]);
    expect(state(after(deleteStates(ORDER, ["Done"])), "Tell")).toMatchObject({ End: true });
  });

  test("nothing leads to itself because what was between is gone", () => {
    const outcome = deleteStates(ORDER, ["Remind"]);
    expect(changes(outcome)).toEqual(["- Check choice Remind", "- Remind next Check"]);
    expect(done(outcome).notes).toContain("“Check” (a choice rule) was taken away: it led nowhere else.");
  });

  test("the start, a loop, a branch's last state", () => {
    expect(changes(deleteStates(ORDER, ["Read"]))).toEqual(["- starts start Read", "- Read next Check", "+ starts start Check"]);
    const loop = { StartAt: "A", States: { A: { Type: "Pass", Next: "B" }, B: { Type: "Pass", Next: "B" } } };
    expect(after(deleteStates(loop, ["B"]), loop)).toEqual({ StartAt: "A", States: { A: { Type: "Pass", End: true } } });
    const branch = done(deleteStates(ORDER, ["Each"]));
    expect(branch.notes).toContain("Branch 2 of “Tell” is gone with its last state.");
    expect((state(withEdits(ORDER, branch.edits) as Obj, "Tell")["Branches"] as unknown[]).length).toBe(1);
    expect(done(deleteStates(ORDER, ["One"])).notes).toContain("“Each” has nothing inside now; it needs a state.");
    expect(after(deleteStates(ORDER, [...allNames(ORDER)]))).toEqual({ StartAt: "", States: {} });
  });
});

describe("move", () => {
  test("along its way", () => {
    expect(changes(moveAlong(ORDER, "Mail", 1))).toEqual(["- Tell starts start Mail", "- Mail next Mailed", "+ Tell starts start Mailed", "+ Mailed next Mail"]);
    expect(changes(moveAlong(ORDER, "Mailed", -1))).toEqual(changes(moveAlong(ORDER, "Mail", 1)));
    expect(problem(moveAlong(ORDER, "Read", -1))).toMatch(/is the first/);
    expect(problem(moveAlong(ORDER, "Mailed", 1))).toMatch(/is the last/);
    // There and back again.
    const there = after(moveAlong(ORDER, "Mail", 1));
    expect(isSame(after(moveAlong(there, "Mail", -1), there), ORDER)).toBe(true);
  });

  test("to an edge that counts differently once the state is gone", () => {
    const two = { StartAt: "A", States: { A: { Type: "Task", Catch: [{ ErrorEquals: ["X"], Next: "F" }, { ErrorEquals: ["Y"], Next: "P" }], End: true }, F: { Type: "Fail" }, P: { Type: "Pass", End: true } } };
    const moved = after(moveState(two, "F", { kind: "edge", from: "A", edge: "catch", index: 1 }), two);
    expect(state(moved, "A")["Catch"]).toEqual([{ ErrorEquals: ["Y"], Next: "F" }]);
  });

  test("to an edge, to another level, never into itself", () => {
    expect(changes(moveState(ORDER, "Read", { kind: "edge", from: "Ship", edge: "next", index: 0 }))).toEqual([
      "- starts start Read", "- Read next Check", "- Ship next Tell", "+ starts start Check", "+ Read next Tell", "+ Ship next Read",
    ]);
    const inside = moveState(ORDER, "Ship", { kind: "inside", owner: "Tell", branch: 0 });
    expect(changes(inside)).toEqual(["- Check choice Ship", "- Ship next Tell", "- Ship catch Stop", "+ Check choice Tell", "+ Mailed next Ship"]);
    expect(done(inside).notes).toEqual(["A catcher of “Ship” led to “Stop”, in another level: it was taken away."]);
    expect(problem(moveState(ORDER, "Tell", { kind: "after", name: "One" }))).toMatch(/inside of itself/);
    expect(problem(moveState(ORDER, "Read", { kind: "after", name: "Read" }))).toMatch(/there already/);
    expect(problem(moveState(ORDER, "Check", { kind: "inside", owner: "Tell", branch: 0 }))).toMatch(/is a Choice/);
  });
});

test("a copy is called anew, all the way in", () => {
  const outcome = duplicate(ORDER, "Tell");
  expect(changes(outcome)).toEqual([
    "- Tell next Done", "+ Tell next Tell (1)", "+ Tell (1) next Done",
    "+ Tell (1) starts start Mail (1)", "+ Mail (1) next Mailed (1)", "+ Tell (1) starts start Each (1)", "+ Each (1) starts start One (1)",
  ]);
  expect(done(duplicate(ORDER, "Stop")).notes).toEqual(["Nothing leads to “Stop (1)”."]);
});

test("a new name is told to everything that leads there, and nothing else changes", () => {
  const outcome = rename(ORDER, "Stop", "Refuse/it");
  expect(changes(outcome)).toEqual(["- Check default Stop", "- Ship catch Stop", "+ Check default Refuse/it", "+ Ship catch Refuse/it"]);
  expect(done(outcome).edits).toEqual([
    { kind: "rename", pointer: "/States/Stop", name: "Refuse/it" },
    { kind: "set", pointer: "/States/Check/Default", value: "Refuse/it" },
    { kind: "set", pointer: "/States/Ship/Catch/0/Next", value: "Refuse/it" },
  ]);
  expect(ways(after(rename(ORDER, "One", "Only")))).toContain("Each starts start Only");
  expect(ways(after(rename(ORDER, "Read", "First")))).toContain("starts start First");
  expect(problem(rename(ORDER, "Stop", "Mail"))).toMatch(/already/);
  expect(problem(rename(ORDER, "Stop", " "))).toMatch(/needs a name/);
  expect(problem(rename(ORDER, "Stop", "x".repeat(81)))).toMatch(/at most 80/);
});

test("another start says what is not reached any more", () => {
  expect(done(makeStart(ORDER, "Ship")).notes).toEqual(["Nothing leads to “Read”.", "Nothing leads to “Check”.", "Nothing leads to “Remind”."]);
  expect(problem(makeStart(ORDER, "Read"))).toMatch(/already/);
});

describe("wrap", () => {
  test("one state, with its catcher outside", () => {
    const outcome = wrap(ORDER, ["Ship"], "Map");
    expect(changes(outcome)).toEqual([
      "- Check choice Ship", "- Ship next Tell", "- Ship catch Stop", "+ Check choice Map", "+ Map next Tell", "+ Map catch Stop", "+ Map starts start Ship",
    ]);
    expect(state(after(outcome), "Ship")).toMatchObject({ End: true });
  });

  test("a way of several, entered and left at one place", () => {
    const outcome = wrap(ORDER, ["Check", "Remind", "Stop", "Ship", "Tell", "Done"], "Parallel");
    expect(looseEnds(after(outcome))).toEqual([]);
    expect(ways(after(outcome)).slice(0, 3)).toEqual(["starts start Read", "Read next Parallel", "Parallel starts start Check"]);
    expect(problem(wrap(ORDER, ["Check", "Remind"], "Parallel"))).toMatch(/leads out/);
    expect(problem(wrap(ORDER, ["Ship", "Remind"], "Parallel"))).toMatch(/entered at one state/);
  });
});

test("no edit leaves anything loose without saying so", () => {
  const names = [...allNames(ORDER)];
  const places: Place[] = [
    ...names.flatMap((name): Place[] => [{ kind: "after", name }, { kind: "before", name }]),
    ...names.flatMap((name) => leaving(name, state(ORDER, name)).map((way): Place => ({ kind: "edge", from: name, edge: way.kind as "next", index: way.index }))),
    { kind: "inside", owner: "Tell", branch: 0 }, { kind: "inside", owner: "Tell", branch: 2 }, { kind: "inside", owner: "Each", branch: 0 }, { kind: "start" }, { kind: "alone" },
  ];
  const outcomes = [
    ...places.flatMap((place) => PALETTE.map((item) => addState(ORDER, item.id, place))),
    ...names.flatMap((name) => places.map((place) => moveState(ORDER, name, place))),
    ...names.flatMap((name) => names.map((other) => connect(ORDER, name, other))),
    ...names.flatMap((name) => names.map((other) => deleteStates(ORDER, [name, other]))),
    ...names.flatMap((name) => [duplicate(ORDER, name), rename(ORDER, name, "New"), makeStart(ORDER, name), wrap(ORDER, [name], "Map"), moveAlong(ORDER, name, 1), moveAlong(ORDER, name, -1)]),
  ];
  const before = structuredClone(ORDER);
  const document = readDocument(JSON.stringify(ORDER, null, 2));
  let count = 0;
  for (const outcome of outcomes) {
    if (isRefused(outcome)) continue;
    count += 1;
    const now = withEdits(ORDER, outcome.edits) as Obj;
    // The text says the same after them.
    if (count % 9 === 0) expect(edited(document, outcome.edits)?.document.good?.value).toEqual(now);
    expect(looseEnds(now).filter((end) => !outcome.notes.includes(end))).toEqual([]);
    // A state is never both an end and on its way, and never neither.
    for (const level of levelsOf(now)) {
      for (const [name, one] of Object.entries(level.fields["States"] as Record<string, Obj>)) {
        const ends = Number("Next" in one) + Number(one["End"] === true);
        expect(`${name} ${ends}`).toBe(`${name} ${["Choice", "Succeed", "Fail"].includes(String(one["Type"])) ? 0 : 1}`);
      }
    }
  }
  expect(count).toBeGreaterThan(700);
  expect(ORDER).toEqual(before);
});

test("edits make of one value another", () => {
  const pairs: [unknown, unknown][] = [
    [{ a: 1, b: [1, 2, 3] }, { b: [1, 3], c: { d: null } }],
    [[{ a: 1 }, { a: 2 }], [{ a: 0 }, { a: 1 }, { a: 2 }]],
    [[1, 2, 3, 4], [4]],
    [{ "a/b": { "~": 1 } }, { "a/b": { "~": 2 } }],
    [[], [1]],
    [{ a: [] }, { a: {} }],
    [1, "1"],
  ];
  for (const [before, now] of pairs) expect(withEdits(before, difference(before, now))).toEqual(now);
  expect(difference([1, 2, 3], [1, 3])).toEqual([{ kind: "remove", pointer: "/1" }]);
  expect(difference({ a: { b: 1 } }, { a: { b: 1 } })).toEqual([]);
});
