/** What a query of Logs Insights gives, as a table. */

import type { Logs } from "../api/generated";

interface InsightsField {
  readonly name: string;
  /** Whether every value of it is a number. */
  readonly isNumber: boolean;
}

export interface InsightsRow {
  readonly id: number;
  /** In the order of the fields; empty where a row has none. */
  readonly values: readonly string[];
}

interface InsightsTable {
  readonly fields: readonly InsightsField[];
  readonly rows: readonly InsightsRow[];
  /** Whether instants are among the values. AWS: they are in UTC. */
  readonly hasInstants: boolean;
}

const INSTANT = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/;

/** The fields in the order in which they come first; `@ptr` names a line for the API and is not shown. */
export function readAnswer(results: readonly (readonly Logs.ResultField[])[]): InsightsTable {
  const places = new Map<string, number>();
  const rows = results.map((result, id) => {
    const values: string[] = [];
    for (const { field = "", value = "" } of result) {
      if (field === "@ptr") continue;
      const place = places.get(field) ?? places.size;
      places.set(field, place);
      values[place] = value;
    }
    return { id, values };
  });
  const whole = rows.map((row) => ({ ...row, values: Array.from({ length: places.size }, (_, place) => row.values[place] ?? "") }));
  const fields = [...places.keys()].map((name, place) => ({
    name,
    isNumber: whole.some((row) => row.values[place] !== "") && whole.every((row) => row.values[place] === "" || Number.isFinite(Number(row.values[place]))),
  }));
  return { fields, rows: whole, hasInstants: whole.some((row) => row.values.some((value) => INSTANT.test(value))) };
}
