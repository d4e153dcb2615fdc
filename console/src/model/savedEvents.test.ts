import { expect, test } from "vitest";
import { removeEvent, SAVED_MAX, savedEvents, saveEvent } from "./savedEvents";
import type { Store } from "./savedEvents";

function store(kept: Record<string, string> = {}): Store & { kept: Record<string, string> } {
  return {
    kept,
    getItem: (key) => kept[key] ?? null,
    setItem: (key, value) => void (kept[key] = value),
    removeItem: (key) => void delete kept[key],
  };
}

test("events are kept by function and name, and removed", () => {
  const kept = store();
  saveEvent(kept, "Charge", { name: "paid", text: "1" });
  saveEvent(kept, "Charge", { name: " declined ", text: "2" });
  saveEvent(kept, "Charge", { name: "paid", text: "3" });
  saveEvent(kept, "Ship", { name: "paid", text: "4" });
  expect(savedEvents(kept, "Charge")).toEqual([{ name: "declined", text: "2" }, { name: "paid", text: "3" }]);
  expect(savedEvents(kept, "Ship")).toEqual([{ name: "paid", text: "4" }]);
  expect(removeEvent(kept, "Charge", "paid")).toEqual([{ name: "declined", text: "2" }]);
  removeEvent(kept, "Charge", "declined");
  expect(Object.keys(kept.kept)).toEqual(["stepwell.events.Ship"]);
});

test("what cannot be kept or read is said to be so, or counts as none", () => {
  const kept = store({ "stepwell.events.a": "{", "stepwell.events.b": "7", "stepwell.events.c": '[{"name":"x"},{"name":"y","text":"1"}]' });
  expect(["a", "b", "c", "d"].map((name) => savedEvents(kept, name).length)).toEqual([0, 0, 1, 0]);
  expect(() => saveEvent(kept, "a", { name: " ", text: "" })).toThrow("needs a name");
  for (let index = 0; index < SAVED_MAX; index += 1) saveEvent(kept, "e", { name: `${index}`, text: "" });
  expect(() => saveEvent(kept, "e", { name: "more", text: "" })).toThrow("at most 50");
  saveEvent(kept, "e", { name: "7", text: "again" });
});
