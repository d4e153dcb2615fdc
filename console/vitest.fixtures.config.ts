import { defineConfig } from "vitest/config";

/** `npm run fixtures`: histories for the tests of the models, made by the real binary. */
export default defineConfig({ test: { include: ["e2e/fixtures.ts"], testTimeout: 120_000, hookTimeout: 60_000 } });
