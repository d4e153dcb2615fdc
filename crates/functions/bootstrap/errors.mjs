// Errors of the runtime, and how any thrown value becomes Lambda's error object.
import util from "node:util";

class RuntimeError extends Error {
  constructor(name, reason) {
    super(reason);
    this.name = name;
  }
}

export class ImportModuleError extends RuntimeError {
  constructor(reason) {
    super("Runtime.ImportModuleError", reason);
  }
}

export class HandlerNotFound extends RuntimeError {
  constructor(reason) {
    super("Runtime.HandlerNotFound", reason);
  }
}

export class MalformedHandlerName extends RuntimeError {
  constructor(reason) {
    super("Runtime.MalformedHandlerName", reason);
  }
}

export class UserCodeSyntaxError extends RuntimeError {
  constructor(reason) {
    super("Runtime.UserCodeSyntaxError", reason);
    // The engine's own stack starts with the file and line that does not parse.
    if (reason?.stack) this.stack = `${this.name}: ${this.message}\n${reason.stack}`;
  }
}

export class CallbackHandlerDeprecated extends RuntimeError {
  constructor() {
    super(
      "Runtime.CallbackHandlerDeprecated",
      "AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. " +
        "You need to modify this function to use a supported handler signature to use Node.js 24 or later.",
    );
  }
}

export class NotImplemented extends RuntimeError {
  constructor(what) {
    super("Runtime.NotImplemented", `Stepwell does not implement ${what} yet`);
  }
}

export class UnhandledPromiseRejection extends RuntimeError {
  constructor(reason, promise) {
    super("Runtime.UnhandledPromiseRejection", text(reason));
    this.reason = reason;
    this.promise = promise;
  }
}

export class NodeJsExit extends RuntimeError {
  constructor() {
    super(
      "Runtime.NodeJsExit",
      "The Lambda runtime client detected an unexpected Node.js exit code. " +
        "This is most commonly caused by a Promise that was never settled. " +
        "For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes",
    );
  }
}

/** The JSON that fails an invocation: `errorType`, `errorMessage`, `trace`. Never throws. */
export function errorBody(error) {
  try {
    if (isError(error)) {
      const { name, message, stack } = error;
      return JSON.stringify({ errorType: name, errorMessage: message, trace: String(stack).split("\n") });
    }
    return JSON.stringify({ errorType: typeof error, errorMessage: text(error), trace: [] });
  } catch {
    return JSON.stringify({
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
    });
  }
}

/** The JSON that logs an error: its type and message, its own properties, its stack as lines. Never throws. */
export function errorText(error) {
  try {
    return JSON.stringify(error, (_key, value) => (isError(value) ? loggable(value) : value)) ?? text(error);
  } catch {
    return errorBody(error);
  }
}

function loggable(error) {
  const { name, message, code, stack } = error;
  const stackLines = typeof stack === "string" ? stack.split("\n") : stack;
  return { errorType: name ?? "UnknownError", errorMessage: message, code, ...error, name: undefined, stack: stackLines };
}

function isError(value) {
  return (
    util.types.isNativeError(value) ||
    (typeof value === "object" && value !== null && typeof value.name === "string" && Boolean(value.message && value.stack))
  );
}

function text(value) {
  return value === null || value === undefined ? String(value) : value.toString();
}
