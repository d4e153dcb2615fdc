/** What is asked of the session of the console. */

import { queryOptions } from "@tanstack/react-query";
import { readSession } from "./call";

/** Who is signed in. It is read again when a tab is looked at: another one may have signed out. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => readSession(signal),
});
