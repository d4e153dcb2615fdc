import { defineConfig } from "vitest/config";

/** `cargo xtask screenshots`: pictures of every page, in both themes, at three widths. */
export default defineConfig({ test: { include: ["e2e/screenshots.ts"], testTimeout: 600_000, hookTimeout: 120_000 } });
