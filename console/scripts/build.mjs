// Builds the console into `dist`: types, bundle, compressed forms, and the budget of what a first visit loads.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** What a first visit may load, compressed with gzip, the larger of both forms. */
const FIRST_LOAD_BYTES_MAX = 400 * 1024;
/** What one chunk that is loaded later may have. */
const CHUNK_BYTES_MAX = 300 * 1024;
/** Smaller files are not worth a header. */
const COMPRESSED_BYTES_MIN = 512;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const run = (program, ...given) =>
  execFileSync(join(root, "node_modules/.bin", program), given, { cwd: root, stdio: "inherit" });

if (!process.argv.includes("--no-check")) run("tsc", "--noEmit");
mkdirSync(dist, { recursive: true });
for (const name of readdirSync(dist)) if (name !== ".gitignore") rmSync(join(dist, name), { recursive: true });
run("vite", "build", "--logLevel", "warn");
const manifest = JSON.parse(readFileSync(join(dist, "manifest.json"), "utf8"));
rmSync(join(dist, "manifest.json"));

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (entry.name !== ".gitignore") yield path;
  }
}

const sizes = new Map();
for (const path of [...files(dist)]) {
  const bytes = readFileSync(path);
  const size = { plain: bytes.length, gzip: bytes.length, brotli: bytes.length };
  if (bytes.length >= COMPRESSED_BYTES_MIN && !/\.(png|woff2)$/.test(path)) {
    const gzip = gzipSync(bytes, { level: 9 });
    const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    writeFileSync(`${path}.gz`, gzip);
    writeFileSync(`${path}.br`, brotli);
    Object.assign(size, { gzip: gzip.length, brotli: brotli.length });
  }
  sizes.set(relative(dist, path), size);
}

// A first visit loads the page, the icon, the entry and what it imports, and their styles.
const first = new Set(["index.html", "favicon.svg"]);
const visit = (name) => {
  const chunk = manifest[name];
  if (!chunk || first.has(chunk.file)) return;
  first.add(chunk.file);
  for (const css of chunk.css ?? []) first.add(css);
  for (const imported of chunk.imports ?? []) visit(imported);
};
visit("index.html");

const kib = (bytes) => `${(bytes / 1024).toFixed(1).padStart(7)} KiB`;
const total = { plain: 0, gzip: 0, brotli: 0 };
const rows = [...sizes].sort((a, b) => Number(first.has(b[0])) - Number(first.has(a[0])) || b[1].gzip - a[1].gzip);
console.log("console: file, plain, gzip, brotli (* = loaded on a first visit)");
const tooLarge = [];
for (const [name, size] of rows) {
  const isFirst = first.has(name);
  console.log(`${isFirst ? "*" : " "} ${name.padEnd(44)} ${kib(size.plain)} ${kib(size.gzip)} ${kib(size.brotli)}`);
  if (isFirst) for (const form of Object.keys(total)) total[form] += size[form];
  else if (size.gzip > CHUNK_BYTES_MAX) tooLarge.push(`${name} has ${kib(size.gzip).trim()} of at most ${CHUNK_BYTES_MAX / 1024}`);
}
console.log(
  `console: a first visit loads ${kib(total.gzip).trim()} with gzip, ${kib(total.brotli).trim()} with brotli, of at most ${FIRST_LOAD_BYTES_MAX / 1024} KiB`,
);
if (total.gzip > FIRST_LOAD_BYTES_MAX) tooLarge.push(`a first visit loads ${kib(total.gzip).trim()}, which is over the budget`);
if (!existsSync(join(dist, "index.html")) || statSync(join(dist, "index.html")).size === 0) tooLarge.push("there is no page");
if (tooLarge.length > 0) {
  console.error(`error: ${tooLarge.join("; ")}`);
  process.exit(1);
}
