// Finds the function that a handler string such as `src/app.orders.create` names.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import {
  CallbackHandlerDeprecated,
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  UserCodeSyntaxError,
} from "./errors.mjs";
import { isStreaming } from "./streaming.mjs";

/** @returns the handler function; throws one of the runtime's errors, or what the module itself throws. */
export async function loadHandler(taskRoot, name, hasCallbacks) {
  if (name.includes("..")) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const file = path.basename(name);
  const directory = name.slice(0, name.length - file.length);
  const match = /^([^.]*)\.(.*)$/.exec(file);
  if (match === null) throw new MalformedHandlerName("Bad handler");
  const [, module, exported] = match;
  const loaded = await loadModule(taskRoot, directory, module);
  const handler = resolveExport(loaded, exported);
  if (handler === undefined || handler === null) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new HandlerNotFound(`${name} is not a function`);
  if (!hasCallbacks && handler.length > 2 && !isStreaming(handler)) throw new CallbackHandlerDeprecated();
  return handler;
}

// A module loaded by `import()` from CommonJS text may carry its exports under `default` only.
function resolveExport(loaded, exported) {
  const find = (root) => exported.split(".").reduce((nested, key) => nested?.[key], root);
  return find(loaded) ?? find(loaded?.default);
}

async function loadModule(taskRoot, directory, module) {
  try {
    return await load(path.resolve(taskRoot, directory, module), taskRoot, module);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw new ImportModuleError(error);
    }
    throw error;
  }
}

// AWS: the order in which Lambda's runtime tries the files of a handler.
async function load(stem, taskRoot, module) {
  const require = createRequire(path.join(taskRoot, "_"));
  if (isFile(stem)) return require(stem);
  const isModule = isTypeModule(stem);
  if (isFile(`${stem}.js`)) return isModule ? importFile(`${stem}.js`) : require(`${stem}.js`);
  if (isFile(`${stem}.mjs`)) return importFile(`${stem}.mjs`);
  if (isFile(`${stem}.cjs`)) return require(`${stem}.cjs`);
  return require(require.resolve(module, { paths: [taskRoot, path.dirname(stem)] }));
}

function importFile(file) {
  return import(pathToFileURL(file).href);
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

function isTypeModule(stem) {
  for (let directory = path.dirname(stem); ; directory = path.dirname(directory)) {
    const manifest = path.join(directory, "package.json");
    if (isFile(manifest)) {
      try {
        return JSON.parse(fs.readFileSync(manifest, "utf8")).type === "module";
      } catch {
        return false;
      }
    }
    if (path.dirname(directory) === directory) return false;
  }
}
