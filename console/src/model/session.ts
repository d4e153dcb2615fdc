/** Who is signed in, on a server that asks for access keys, and the way to the sign-in page and back. Pure. */

/** The console's part of every address. */
export const BASE = "/console";
const SIGN_IN = "/sign-in";

/** What `GET /console/session` answers. */
export interface SessionAnswer {
  /** Whether the server asks for access keys at all. */
  readonly isRequired: boolean;
  readonly user: { readonly name: string; readonly arn: string; readonly expiresAt: number } | null;
}

export interface User {
  readonly name: string;
  readonly arn: string;
  /** When the session ends, in milliseconds by the clock of this browser. */
  readonly endsAt: number;
}

export interface Session {
  readonly isRequired: boolean;
  readonly user: User | null;
}

/** Clocks that differ by less are the same: a `Date` header has whole seconds. */
const SAME_CLOCK_MS = 2_000;

/**
 * The session as this browser has it.
 *
 * - `date`: the `Date` header of the answer; a browser's clock may be hours away from the server's.
 */
export function sessionOf(answer: SessionAnswer, date: string | null, now: number): Session {
  if (answer.user === null) return { isRequired: answer.isRequired, user: null };
  const { name, arn, expiresAt } = answer.user;
  const ahead = now - Date.parse(date ?? "");
  return { isRequired: answer.isRequired, user: { name, arn, endsAt: expiresAt + (Math.abs(ahead) >= SAME_CLOCK_MS ? ahead : 0) } };
}

/** How a session stands: nothing to say, it ends soon, it has ended. */
type Standing = { readonly kind: "fine" } | { readonly kind: "ending"; readonly minutes: number } | { readonly kind: "ended" };

/** Before its end by this much a session is said to end. */
const ENDING_MS = 15 * 60_000;

export function standingOf(user: User, now: number): Standing {
  const left = user.endsAt - now;
  if (left <= 0) return { kind: "ended" };
  return left > ENDING_MS ? { kind: "fine" } : { kind: "ending", minutes: Math.max(1, Math.floor(left / 60_000)) };
}

/** What the server says of a call that it has not answered for want of a session. */
export type Refusal = "missing" | "expired" | "unknown";

/** With the names that they have in AWS's query protocol. */
const REFUSALS: ReadonlyMap<string, Refusal> = new Map([
  ["MissingAuthenticationTokenException", "missing"],
  ["MissingAuthenticationToken", "missing"],
  ["ExpiredTokenException", "expired"],
  ["ExpiredToken", "expired"],
  // Of a key that the server does not take any more.
  ["UnrecognizedClientException", "unknown"],
  ["InvalidClientTokenId", "unknown"],
]);

/** Whether an error code says that there is no session; `null` for every other error. */
export const refusalOf = (code: string): Refusal | null => REFUSALS.get(code) ?? null;

/** Why somebody comes to the sign-in page, if it is not for the first time: the session has ended, its key is gone, or somebody has signed out. */
export type Reason = "ended" | "key" | "out";

const REASONS: readonly Reason[] = ["ended", "key", "out"];

/** A reason as the address has it; `null` for what is none. */
export const reasonOf = (text: string | null): Reason | null => REASONS.find((reason) => reason === text) ?? null;

/** Why there is no session any more. A browser forgets a cookie as it runs out, so that the server sees none. */
export function whyLost(refusal: Refusal, known: User | null, now: number): Reason | null {
  if (refusal === "expired") return "ended";
  if (refusal === "unknown") return "key";
  if (known === null) return null;
  return now >= known.endsAt - SAME_CLOCK_MS ? "ended" : "out";
}

/** Whether a path of the address bar is the sign-in page's. */
export const isSignIn = (pathname: string): boolean => pathname === BASE + SIGN_IN;

/** The sign-in page, which leads back to where one is. A path within the console, as its links have it. */
export function signInPath(here: { readonly pathname: string; readonly search: string; readonly hash: string } | null, reason: Reason | null): string {
  const next = here === null ? "/" : nextOf(`${here.pathname}${here.search}${here.hash}`.replace(BASE, ""));
  const query = new URLSearchParams({ ...(next === "/" ? {} : { next }), ...(reason === null ? {} : { reason }) }).toString();
  return query === "" ? SIGN_IN : `${SIGN_IN}?${query}`;
}

/**
 * Where the sign-in page leads: a path within the console, with its query. What is none leads to the beginning: an
 * address that somebody else has made leads nowhere else.
 */
export function nextOf(asked: string | null): string {
  if (asked === null || !/^\/(?![/\\])/.test(asked) || !URL.canParse(BASE + asked, ORIGIN)) return "/";
  // As a browser reads it: with `..` and `%2e%2e` gone, and `\` turned.
  const { origin, pathname, search, hash } = new URL(BASE + asked, ORIGIN);
  const path = pathname.slice(BASE.length);
  if (origin !== ORIGIN || !pathname.startsWith(`${BASE}/`) || path.startsWith("//") || isSignIn(pathname)) return "/";
  return path + search + hash;
}

const ORIGIN = "http://console.invalid";

/** Whether a path is the editor's, which keeps what is not saved. */
export const isEditor = (path: string): boolean => /^\/machines\/(new|[^/?#]+\/edit)(?=[?#]|$)/.test(path);
