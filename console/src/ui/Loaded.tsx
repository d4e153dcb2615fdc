import type { ReactNode } from "react";
import { ErrorNote, Waiting } from "./parts";

/** What a query of TanStack gives, as far as a frame needs it. */
export interface Loading<Data> {
  readonly data: Data | undefined;
  readonly error: Error | null;
  refetch(): unknown;
}

/**
 * What was read, once it is there.
 *
 * A read that fails later is told above it: what is shown stays, it is only not newer.
 * - `what`: completes "Reading ...".
 * - `missing`: more to say where the first read fails.
 */
export function Loaded<Data>(props: {
  query: Loading<Data>;
  what: string;
  children: (data: Data) => ReactNode;
  missing?: (error: Error) => ReactNode;
}) {
  const { query, what, children, missing } = props;
  return (
    <>
      {query.error && <ErrorNote error={query.error} onRetry={() => void query.refetch()} />}
      {query.data !== undefined ? children(query.data) : query.error ? missing?.(query.error) : <Waiting what={what} />}
    </>
  );
}

/** A page of something that is read; it has a heading in any case. */
export function LoadedPage<Data>(props: {
  query: Loading<Data>;
  /** The heading until what was read has one of its own. */
  title: string;
  what: string;
  children: (data: Data) => ReactNode;
  missing?: (error: Error) => ReactNode;
}) {
  return (
    <main className="page">
      {props.query.data === undefined && <h1>{props.title}</h1>}
      <Loaded {...props} />
    </main>
  );
}
