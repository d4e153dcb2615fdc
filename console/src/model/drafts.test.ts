import { expect, test } from "vitest";
import { draftOf, dropDraft, keepDraft } from "./drafts";

function storage(): Storage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    clear: () => kept.clear(),
    getItem: (key) => kept.get(key) ?? null,
    key: (index) => [...kept.keys()][index] ?? null,
    removeItem: (key) => void kept.delete(key),
    setItem: (key, value) => void kept.set(key, value),
  };
}

test("a draft is kept until it is dropped", () => {
  const kept = storage();
  expect(draftOf(kept, "a")).toBeNull();
  expect(keepDraft(kept, "a", { text: "{}", revisionId: "r", at: 1 })).toBe(true);
  expect(draftOf(kept, "a")).toEqual({ text: "{}", revisionId: "r", at: 1 });
  dropDraft(kept, "a");
  expect(draftOf(kept, "a")).toBeNull();
});

test("only so many are kept, and none that is too large or that is broken", () => {
  const kept = storage();
  kept.setItem("stepwell.theme", "dark");
  for (let at = 0; at < 30; at += 1) keepDraft(kept, `m${at}`, { text: "{}", revisionId: null, at });
  expect(kept.length).toBe(13);
  expect(draftOf(kept, "m17")).toBeNull();
  expect(draftOf(kept, "m18")?.at).toBe(18);
  expect(keepDraft(kept, "large", { text: "x".repeat(400_001), revisionId: null, at: 99 })).toBe(false);
  kept.setItem("stepwell.draft.broken", "{");
  expect(draftOf(kept, "broken")).toBeNull();
  expect(keepDraft({ ...kept, length: 0, setItem: () => { throw new Error("full"); } }, "m", { text: "", revisionId: null, at: 1 })).toBe(false);
});
