import { expect, test } from "vitest";
import { ErrorBorder } from "./ErrorBorder";

test("an error is over where another page is drawn, and not before", () => {
  const broken = { place: "/machines", error: new Error("broke"), ...ErrorBorder.getDerivedStateFromError("again") };
  expect(ErrorBorder.getDerivedStateFromProps({ place: "/machines", children: null }, broken)).toBeNull();
  expect(ErrorBorder.getDerivedStateFromProps({ place: "/executions", children: null }, broken)).toEqual({ place: "/executions", error: null });
});
