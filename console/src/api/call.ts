/** Calls of the AWS API of the server that this page came from. The only place that fetches. */

import type { CloudWatch, Lambda, Logs, Route, States, XRay } from "./generated";
import { CLOUDWATCH_TARGET, LAMBDA_ROUTES, LOGS_TARGET, STATES_TARGET, XRAY_ROUTES } from "./generated";
import { errorOf } from "../model/errors";
import { refusalOf, sessionOf } from "../model/session";
import type { Refusal, Session, SessionAnswer } from "../model/session";

/** An answer that is an error, with AWS's code and message. */
export class ApiError extends Error {
  readonly code: string;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  /** The members of the answer, where it was a JSON object. */
  readonly body: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, status: number, body: Readonly<Record<string, unknown>> = {}) {
    super(message || code);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.body = body;
  }

  /** Whether the server cannot be reached or is not ready, so that asking again may help. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 503 || this.code === "ThrottlingException";
  }
}

/** AWS's code and the message of whatever went wrong. */
export const toldBy = (reason: unknown): { readonly code: string; readonly message: string } => ({
  code: reason instanceof ApiError ? reason.code : "Error",
  message: reason instanceof Error ? reason.message : String(reason),
});

/** Whether an error says that a function or a log group is not there, which is an answer as well. */
export const isAbsent = (reason: unknown): boolean => reason instanceof ApiError && reason.code === "ResourceNotFoundException";

interface Target {
  readonly prefix: string;
  readonly contentType: string;
}

/** Told of every call that was not answered for want of a session. */
type RefusalListener = (refusal: Refusal) => void;

const refusalListeners = new Set<RefusalListener>();
/** Counts sessions: what was asked before the present one began says nothing of it. */
let sessions = 0;

export function whenRefused(listener: RefusalListener): () => void {
  refusalListeners.add(listener);
  return () => void refusalListeners.delete(listener);
}

async function answered(request: Promise<Response>): Promise<Response> {
  const session = sessions;
  try {
    return await succeeded(request);
  } catch (error) {
    const refusal = error instanceof ApiError ? refusalOf(error.code) : null;
    if (refusal !== null && session === sessions) for (const listener of refusalListeners) listener(refusal);
    throw error;
  }
}

async function succeeded(request: Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await request;
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === "AbortError") throw reason;
    throw new ApiError("Unreachable", "the server does not answer; is it running?", 0);
  }
  if (response.ok) return response;
  const { code, message, body } = errorOf(await response.text().catch(() => ""), response.headers.get("x-amzn-errortype"));
  throw new ApiError(code ?? `HTTP ${response.status}`, message ?? response.statusText, response.status, body);
}

function asked(target: Target, operation: string, input: unknown, signal?: AbortSignal): Promise<Response> {
  return answered(
    fetch("/", {
      method: "POST",
      headers: { "content-type": target.contentType, "x-amz-target": `${target.prefix}.${operation}` },
      body: JSON.stringify(input),
      signal: signal ?? null,
    }),
  );
}

async function json(target: Target, operation: string, input: unknown, signal?: AbortSignal): Promise<unknown> {
  const text = await (await asked(target, operation, input, signal)).text();
  // What gives nothing may answer with nothing.
  return text ? JSON.parse(text) : {};
}

/** An operation of Step Functions. */
export async function states<O extends keyof States.Operations>(
  operation: O,
  input: States.Operations[O]["input"],
  signal?: AbortSignal,
): Promise<States.Operations[O]["output"]> {
  return (await json(STATES_TARGET, operation, input, signal)) as States.Operations[O]["output"];
}

/** Asks what the server tells its console only: `search`, `failures`. */
export async function consoleCall<Output>(path: string, input: unknown, signal?: AbortSignal): Promise<Output> {
  const response = await answered(
    fetch(`/console/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(input),
      signal: signal ?? null,
    }),
  );
  return (await response.json()) as Output;
}

/** The account that the server works for. STS speaks XML, of which this is all that the console wants. */
export async function callerAccount(signal?: AbortSignal): Promise<string> {
  const body = new URLSearchParams({ Action: "GetCallerIdentity", Version: "2011-06-15" });
  const response = await answered(fetch("/", { method: "POST", body, signal: signal ?? null }));
  const account = /<Account>(\d{12})<\/Account>/.exec(await response.text())?.[1];
  if (account === undefined) throw new ApiError("InvalidResponse", "GetCallerIdentity told no account", response.status);
  return account;
}

/** An operation of CloudWatch Logs. */
export async function logs<O extends keyof Logs.Operations>(
  operation: O,
  input: Logs.Operations[O]["input"],
  signal?: AbortSignal,
): Promise<Logs.Operations[O]["output"]> {
  return (await json(LOGS_TARGET, operation, input, signal)) as Logs.Operations[O]["output"];
}

/** What is logged from now on, as the bytes of an event stream; see `model/eventStream.ts`. */
export async function liveTail(input: Logs.StartLiveTailRequest, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const { body } = await asked(LOGS_TARGET, "StartLiveTail", input, signal);
  if (body === null) throw new ApiError("Unreachable", "the stream has no body", 0);
  return body;
}

/** An operation of CloudWatch. */
export async function cloudwatch<O extends keyof CloudWatch.Operations>(
  operation: O,
  input: CloudWatch.Operations[O]["input"],
  signal?: AbortSignal,
): Promise<CloudWatch.Operations[O]["output"]> {
  return (await json(CLOUDWATCH_TARGET, operation, input, signal)) as CloudWatch.Operations[O]["output"];
}

/** A request of a service that is bound to paths: what goes into path, query, headers and body. */
export function bound(route: Route, input: Readonly<Record<string, unknown>>): { url: string; init: RequestInit } {
  const [method, path, query, headers, payload] = route;
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const take = (name: string): string | undefined => {
    const value = rest.get(name);
    rest.delete(name);
    return value === undefined ? undefined : String(value);
  };
  const url = path.replace(/\{(\w+)\+?\}/g, (_, name: string) => {
    const value = take(name);
    if (value === undefined) throw new Error(`${method} ${path} needs ${name}`);
    return encodeURIComponent(value);
  });
  const search = new URLSearchParams();
  for (const [member, name] of Object.entries(query)) {
    const value = take(member);
    if (value !== undefined) search.set(name, value);
  }
  const sent: Record<string, string> = {};
  for (const [member, name] of Object.entries(headers)) {
    const value = take(member);
    if (value !== undefined) sent[name] = value;
  }
  let body: string | null = null;
  if (payload !== null) body = take(payload) ?? null;
  else if (method !== "GET" && method !== "DELETE") body = JSON.stringify(Object.fromEntries(rest));
  if (body !== null) sent["content-type"] = "application/json";
  const text = search.toString();
  return { url: text ? `${url}?${text}` : url, init: { method, headers: sent, body } };
}

/** An operation of Lambda whose answer is JSON; see [`invoke`] for the one whose is not. */
export async function lambda<O extends Exclude<keyof Lambda.Operations, "Invoke" | "InvokeWithResponseStream">>(
  operation: O,
  input: Lambda.Operations[O]["input"],
  signal?: AbortSignal,
): Promise<Lambda.Operations[O]["output"]> {
  const { url, init } = bound(LAMBDA_ROUTES[operation], input as Readonly<Record<string, unknown>>);
  const response = await answered(fetch(url, { ...init, signal: signal ?? null }));
  const text = await response.text();
  return (text ? JSON.parse(text) : {}) as Lambda.Operations[O]["output"];
}

/** An operation of X-Ray. */
export async function xray<O extends keyof XRay.Operations>(
  operation: O,
  input: XRay.Operations[O]["input"],
  signal?: AbortSignal,
): Promise<XRay.Operations[O]["output"]> {
  const { url, init } = bound(XRAY_ROUTES[operation], input as unknown as Readonly<Record<string, unknown>>);
  return (await (await answered(fetch(url, { ...init, signal: signal ?? null }))).json()) as XRay.Operations[O]["output"];
}

/** What came of an invocation. */
interface Invoked {
  /** As the function gave it; the error's object where `error` is there. */
  readonly payload: string;
  /** `Unhandled` where the function failed. */
  readonly error: string | null;
  /** The last 4 KB of the log. */
  readonly logTail: string | null;
  readonly version: string | null;
}

/** Runs a function and waits for its result. */
export async function invoke(
  input: Omit<Lambda.InvocationRequest, "LogType">,
  signal?: AbortSignal,
): Promise<Invoked> {
  const { url, init } = bound(LAMBDA_ROUTES.Invoke, { ...input, LogType: "Tail" });
  const response = await answered(fetch(url, { ...init, signal: signal ?? null }));
  const tail = response.headers.get("x-amz-log-result");
  const bytes = tail === null ? null : Uint8Array.from(atob(tail), (letter) => letter.charCodeAt(0));
  return {
    payload: await response.text(),
    error: response.headers.get("x-amz-function-error"),
    logTail: bytes === null ? null : new TextDecoder().decode(bytes),
    version: response.headers.get("x-amz-executed-version"),
  };
}

const SESSION = "/console/session";

/** Whether the server asks for access keys, and who is signed in. */
export async function readSession(signal?: AbortSignal): Promise<Session> {
  const response = await answered(fetch(SESSION, { headers: { accept: "application/json" }, cache: "no-store", signal: signal ?? null }));
  return sessionOf((await response.json()) as SessionAnswer, response.headers.get("date"), Date.now());
}

/** Begins a session, which a cookie carries that no script can read. What is wrong with the key is no refusal of a session. */
export async function signIn(accessKeyId: string, secretAccessKey: string): Promise<void> {
  const body = JSON.stringify({ accessKeyId, secretAccessKey });
  await succeeded(fetch(SESSION, { method: "POST", headers: { "content-type": "application/json", accept: "application/json" }, body }));
  sessions += 1;
}

export async function signOut(): Promise<void> {
  await succeeded(fetch(SESSION, { method: "DELETE", headers: { accept: "application/json" } }));
}
