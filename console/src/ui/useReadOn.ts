import { useEffect } from "react";

/** Pages that are read without being asked for, while little was found. */
const READ_ALONE_PAGES = 12;

/** What a query of TanStack in pages gives, as far as reading on needs it. */
interface Paged {
  readonly data: { readonly pages: readonly unknown[] } | undefined;
  readonly hasNextPage: boolean;
  readonly isFetching: boolean;
  readonly isError: boolean;
  fetchNextPage(): unknown;
}

/**
 * Reads page after page while fewer than `enough` were found: a page that goes back in time may have none.
 *
 * - `isReadOn`: whether more is read by itself.
 * - `onEnd`: what the end of the list calls; nothing while a page is on its way, where there is none, or where it failed: it
 *   would be asked for again and again.
 */
export function useReadOn(paged: Paged, found: number, enough: number): { readonly isReadOn: boolean; readonly onEnd: (() => void) | undefined } {
  const { data, hasNextPage, isFetching, isError, fetchNextPage } = paged;
  const isReadOn = hasNextPage && !isError && found < enough && (data?.pages.length ?? 0) < READ_ALONE_PAGES;
  useEffect(() => {
    if (isReadOn && !isFetching) void fetchNextPage();
  }, [isReadOn, isFetching, fetchNextPage]);
  return { isReadOn, onEnd: hasNextPage && !isFetching && !isError ? () => void fetchNextPage() : undefined };
}
