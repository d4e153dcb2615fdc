import { defineConfig } from "vitest/config";

/** `npm run e2e`: journeys of a person, in a real browser, on the real binary. */
export default defineConfig({
  test: {
    include: ["e2e/**/*.journey.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Each file has a server and a browser of its own; two cores carry two of them.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
