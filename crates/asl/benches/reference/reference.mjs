// Measures the reference implementation as benches/reference.rs measures ours.
// Standard input: one JSON document {"seconds", "cases": [{"expression", "input"}]}, the inputs as texts.
// Standard output: one JSON array of [nanoseconds for values, nanoseconds for texts], in the order of the cases.

import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const jsonata = createRequire(`${process.argv[2]}/`)("jsonata");

const { seconds, cases } = JSON.parse(await text(process.stdin));
const results = [];
for (const { expression, input } of cases) {
  const compiled = jsonata(expression);
  const value = JSON.parse(input);
  const evaluate = (input) => compiled.evaluate(undefined, { states: { input } });
  results.push([
    await median(() => evaluate(value)),
    await median(async () => JSON.stringify(await evaluate(JSON.parse(input)))),
  ]);
}
console.log(JSON.stringify(results));

/** The median of many runs, after a warm-up of the same length; in nanoseconds. */
async function median(run) {
  await runs(run);
  const times = await runs(run);
  times.sort((a, b) => a - b);
  return times[times.length >> 1];
}

/** The time of each run, in nanoseconds; short ones are timed in batches, as the clock is coarse. */
async function runs(run) {
  const times = [];
  let batch = 1;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times.length < 5) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < batch; i += 1) await run();
    const nanoseconds = Number(process.hrtime.bigint() - start);
    if (nanoseconds < 50_000 && batch < 1_000_000) {
      batch *= 2;
      times.length = 0;
    } else {
      times.push(nanoseconds / batch);
    }
  }
  return times;
}
