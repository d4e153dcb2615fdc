/** Histories that the real binary made (`npm run fixtures`); for tests. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HistoryEvent } from "./history";

export type FixtureName =
  | "approving"
  | "assigning"
  | "caught"
  | "charged"
  | "declined"
  | "distributed"
  | "failing-branch"
  | "flow"
  | "nested"
  | "parent"
  | "redriven"
  | "redriven-task"
  | "retried-parallel";

interface Fixture {
  readonly status: string;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly events: readonly HistoryEvent[];
}

export function fixture(name: FixtureName): Fixture {
  return JSON.parse(readFileSync(join(import.meta.dirname, "fixtures", `${name}.json`), "utf8")) as Fixture;
}
