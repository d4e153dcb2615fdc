import { expect, test } from "vitest";
import { isEditor, isSignIn, nextOf, reasonOf, refusalOf, sessionOf, signInPath, standingOf, whyLost } from "./session";
import type { User } from "./session";

const ARN = "arn:aws:iam::123456789012:user/alice";
const NOON = Date.parse("2026-11-27T12:00:00Z");
const MINUTE = 60_000;
const alice = (leftMs: number): User => ({ name: "alice", arn: ARN, endsAt: NOON + leftMs });

test("the sign-in page leads to pages of the console, with what is chosen on them", () => {
  for (const path of ["/machines", "/executions?status=FAILED&within=1h", "/executions/arn%3Aaws%3Astates?visit=3#row-4", "/nowhere"]) {
    expect(nextOf(path)).toBe(path);
  }
});

test("it leads nowhere else", () => {
  const others = [
    null,
    "",
    "machines",
    "https://example.com/",
    "//example.com",
    "/\\example.com",
    "\\\\example.com",
    "javascript:alert(1)",
    " /machines",
    "/../",
    "/../backup",
    "/machines/../../backup",
    "/%2e%2e/backup",
    "/.%2E/backup",
    "/machines/..\\..\\..\\backup",
    ".example.com/",
    "@example.com/",
    ":80@example.com/",
    "/.//example.com",
    "/machines/..//example.com",
    "/\t/example.com",
    "/\n/example.com",
  ];
  for (const other of others) expect(nextOf(other), String(other)).toBe("/");
});

test("it does not lead to itself", () => {
  for (const path of ["/sign-in", "/sign-in?next=%2Fmachines", "/machines/../sign-in"]) expect(nextOf(path)).toBe("/");
});

test("the way to the sign-in page and back is the address that one was at", () => {
  const path = signInPath({ pathname: "/console/executions/arn%3Aaws", search: "?view=events&event=340", hash: "" }, "ended");
  const [page, query] = path.split("?");
  expect(page).toBe("/sign-in");
  const given = new URLSearchParams(query);
  expect(nextOf(given.get("next"))).toBe("/executions/arn%3Aaws?view=events&event=340");
  expect(reasonOf(given.get("reason"))).toBe("ended");
  expect(signInPath({ pathname: "/console/", search: "", hash: "" }, null)).toBe("/sign-in");
  expect(signInPath(null, "out")).toBe("/sign-in?reason=out");
  expect(reasonOf("<b>")).toBeNull();
  expect([isSignIn("/console/sign-in"), isSignIn("/console/sign-in-not"), isSignIn("/console/machines")]).toEqual([true, false, false]);
});

test("errors that say that there is no session are told from all others", () => {
  expect(refusalOf("MissingAuthenticationTokenException")).toBe("missing");
  expect(refusalOf("ExpiredTokenException")).toBe("expired");
  expect(refusalOf("UnrecognizedClientException")).toBe("unknown");
  // Of STS, which speaks XML.
  expect(refusalOf("ExpiredToken")).toBe("expired");
  for (const code of ["AccessDeniedException", "InvalidToken", "ExpiredNextToken", "HTTP 403", "Unreachable", "constructor"]) expect(refusalOf(code)).toBeNull();
});

test("a session that is gone says why, as far as the page knows", () => {
  expect(whyLost("missing", null, NOON)).toBeNull();
  expect(whyLost("missing", alice(3 * MINUTE), NOON)).toBe("out");
  // The browser has dropped the cookie by then.
  expect(whyLost("missing", alice(0), NOON)).toBe("ended");
  expect(whyLost("expired", null, NOON)).toBe("ended");
  expect(whyLost("unknown", alice(3 * MINUTE), NOON)).toBe("key");
});

test("the end of a session is told by this browser's clock, whatever that shows", () => {
  const expiresAt = NOON + 20 * MINUTE;
  const answer = { isRequired: true, user: { name: "alice", arn: ARN, expiresAt } };
  const date = new Date(NOON).toUTCString();
  expect(sessionOf(answer, date, NOON + 700).user?.endsAt).toBe(expiresAt);
  expect(sessionOf(answer, date, NOON + 180 * MINUTE).user?.endsAt).toBe(expiresAt + 180 * MINUTE);
  expect(sessionOf(answer, null, NOON + 180 * MINUTE).user?.endsAt).toBe(expiresAt);
  expect(sessionOf({ isRequired: false, user: null }, date, NOON)).toEqual({ isRequired: false, user: null });
});

test("a session says that it ends a quarter of an hour before", () => {
  expect(standingOf(alice(16 * MINUTE), NOON)).toEqual({ kind: "fine" });
  expect(standingOf(alice(14.2 * MINUTE), NOON)).toEqual({ kind: "ending", minutes: 14 });
  expect(standingOf(alice(5_000), NOON)).toEqual({ kind: "ending", minutes: 1 });
  expect(standingOf(alice(0), NOON)).toEqual({ kind: "ended" });
});

test("pages of the editor are those that keep what is not saved", () => {
  expect(["/machines/new", "/machines/arn%3Aaws/edit?state=A"].every(isEditor)).toBe(true);
  expect(["/machines", "/machines/arn%3Aaws", "/machines/newer", "/executions/x/edit"].some(isEditor)).toBe(false);
});
