import { expect, test } from "vitest";
import { forEach, patiently, planOf } from "./bulk";
import type { Target } from "./bulk";

const target = (name: string, status: string, more: Partial<Target> = {}): Target => ({ executionArn: name, name, status, ...more });

test("a dry run says what would be touched, and why the rest would not", () => {
  const targets = [
    target("a", "RUNNING"),
    target("b", "FAILED"),
    target("c", "SUCCEEDED"),
    target("d", "TIMED_OUT"),
    target("e", "FAILED", { redriveStatus: "NOT_REDRIVABLE", redriveStatusReason: "too old" }),
    target("f", "FAILED", { mapRunArn: "run" }),
    target("g", "FAILED", { redriveStatus: "REDRIVABLE_BY_MAP_RUN" }),
  ];
  const said = (action: "stop" | "redrive") => {
    const { touched, spared } = planOf(action, targets);
    return [touched.map((one) => one.name).join(""), ...spared.map(([reason, those]) => `${those.map((one) => one.name).join("")}: ${reason}`)];
  };
  expect(said("stop")).toEqual(["a", "befg: has ended: failed", "c: has ended: succeeded", "d: has ended: timed out"]);
  expect(said("redrive")).toEqual(["bd", "fg: a map run's child, redriven with its map run", "a: runs", "c: succeeded", "e: too old"]);
});

test("work is done so many at a time, and errors stop nothing", async () => {
  let running = 0;
  let most = 0;
  const results: string[] = [];
  await forEach(
    [1, 2, 3, 4, 5, 6, 7],
    3,
    async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      if (item % 3 === 0) throw new Error(`no ${item}`);
      return item;
    },
    new AbortController().signal,
    (result) => results.push("error" in result ? String(result.error) : `${result.value}`),
  );
  expect(most).toBe(3);
  expect(results.toSorted()).toEqual(["1", "2", "4", "5", "7", "Error: no 3", "Error: no 6"]);
});

test("what is cancelled begins no more work", async () => {
  const cancel = new AbortController();
  const done: number[] = [];
  await forEach([1, 2, 3, 4, 5], 2, async (item) => item, cancel.signal, ({ item }) => {
    done.push(item);
    if (item === 2) cancel.abort();
  });
  // What had begun was waited for.
  expect(done).toEqual([1, 2, 3]);
});

test("what passes is tried again, all else is not", async () => {
  let tries = 0;
  const work = async (): Promise<string> => {
    tries += 1;
    if (tries < 3) throw new Error("busy");
    return "done";
  };
  expect(await patiently(work, () => true, [0, 0, 0])).toBe("done");
  tries = 0;
  await expect(patiently(work, () => true, [0])).rejects.toThrow("busy");
  tries = 0;
  await expect(patiently(work, () => false, [0, 0, 0])).rejects.toThrow("busy");
  expect(tries).toBe(1);
});
