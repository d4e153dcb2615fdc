/** Ends of the session: what leads to the sign-in page. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { QueryClient } from "@tanstack/react-query";
import { navigate } from "wouter/use-browser-location";
import { signOut } from "../api/call";
import { BASE, isSignIn, signInPath } from "../model/session";

/** Shows the sign-in page instead of what is shown, and forgets what was read. Asks nobody whether the page may be left. */
export function goToSignIn(queries: QueryClient, path: string): void {
  // Calls that were under way are refused one after the other.
  if (isSignIn(window.location.pathname)) return;
  navigate(BASE + path, { replace: true });
  queries.clear();
}

/** Signs out, once the page may be left; see `leave`. */
export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: signOut,
    onSuccess: () => goToSignIn(queries, signInPath(null, "out")),
  });
}

export type SigningOut = ReturnType<typeof useSignOut>;
