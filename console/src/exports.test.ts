import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const EXPORT = /^export (?:async )?(?:function|const|class|interface|type) (\w+)/gm;

test("every name that a file exports is taken by another one", () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.tsx?$/.test(path) && !path.endsWith("generated.ts"))
    .map((path) => {
      const text = readFileSync(join(import.meta.dirname, path), "utf8");
      return { path, exports: [...text.matchAll(EXPORT)].map((found) => found[1] ?? ""), imports: new Set(imported(text)) };
    });
  const unused = files.flatMap(({ path, exports }) => exports.filter((name) => !files.some((other) => other.path !== path && other.imports.has(name))).map((name) => `${path} ${name}`));
  expect(unused).toEqual([]);
});

/** Names that a file imports, those of modules that are loaded later too. */
function imported(text: string): string[] {
  const early = [...text.matchAll(/^(?:import|export) (?:type )?(?:\w+, )?\{([^}]*)\}/gms)].flatMap((found) => (found[1] ?? "").split(","));
  const late = [...text.matchAll(/const \{([^}]*)\} = await import\(/g)].flatMap((found) => (found[1] ?? "").split(","));
  const lazy = [...text.matchAll(/\.then\(\(all\) => \(\{ default: all\.(\w+) \}\)\)/g)].map((found) => found[1] ?? "");
  return [...early, ...late, ...lazy].map((name) => name.trim().replace(/^type /, "").replace(/ as .*$/s, "")).filter((name) => name !== "");
}
