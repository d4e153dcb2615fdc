/** A list of executions that is read as far as somebody looks, and kept as new as the live stream is. */

import type { ExecutionChange } from "../model/live";
import { askOf, NOTHING_READ, reaches, withChanges, withHead, withMore } from "../model/search";
import type { Ask, Choice, Listing, SearchPage } from "../model/search";

/** Executions that are found before a list waits for somebody to scroll. */
const ROWS_A_READ = 60;
/** As many as one page may have. */
const PAGE_ROWS = 100;
/** Pages that the newest part is read again by; where those do not reach what was read, the list begins anew. */
const HEAD_PAGES_MAX = 5;
/** Between two reads of the newest part; longer where one takes long. */
const HEAD_PAUSE_MS = 300;
const HEAD_PAUSE_FACTOR = 3;
/** The clocks of server and page may differ by so much. */
const CLOCK_SLACK_SECONDS = 10;

/** As it is now; another object whenever anything of it is. */
export interface SearchState {
  readonly listing: Listing;
  /** Whether more is being looked for. */
  readonly isReading: boolean;
  /** Whether somebody has said to look no further. */
  readonly isStopped: boolean;
  readonly error: Error | null;
}

type Read = (ask: Ask & { limit: number; next?: string }, signal: AbortSignal) => Promise<SearchPage>;

export class ExecutionSearch {
  private state: SearchState = { listing: NOTHING_READ, isReading: false, isStopped: false, error: null };
  private readonly listeners = new Set<() => void>();
  /** The same for all pages of one list: instants that follow from now are fixed at its beginning. */
  private ask: Ask;
  private cancel = new AbortController();
  private wanted = ROWS_A_READ;
  /** Counts lists that were begun anew: what was asked for before is of no use. */
  private generation = 0;
  private headAt = 0;
  private isHeadWanted = false;
  private isHeadRead = false;
  private pause: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly read: Read,
    private readonly machineArn: string | null,
    private readonly choice: Choice,
  ) {
    this.ask = askOf(choice, machineArn, Date.now());
  }

  readonly snapshot = (): SearchState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** Begins to read, or goes on where it was ended. */
  begin(): void {
    if (this.cancel.signal.aborted) this.cancel = new AbortController();
    if (this.state.listing.next !== undefined) this.refresh();
    void this.readOn();
  }

  /** Reads no more until it is begun again. */
  end(): void {
    this.cancel.abort();
    clearTimeout(this.pause);
    this.pause = undefined;
    this.isHeadRead = false;
    this.set({ isReading: false });
  }

  /** Somebody has scrolled to the end. */
  readonly more = (): void => {
    const { isReading, isStopped, listing, error } = this.state;
    // After an error the end is still in sight: who reads of it says whether to go on.
    if (isReading || isStopped || listing.next === null || error !== null) return;
    this.wanted = listing.rows.length + ROWS_A_READ;
    void this.readOn();
  };

  /** Looks no further until [`goOn`]. */
  readonly stop = (): void => {
    this.set({ isStopped: true });
  };

  /** Looks further, after a stop or an error. */
  readonly goOn = (): void => {
    this.set({ isStopped: false, error: null });
    this.wanted = Math.max(this.wanted, this.state.listing.rows.length + 1);
    void this.readOn();
  };

  /** What the live stream has told; `null` where anything may have changed. */
  take(changes: ReadonlyMap<string, ExecutionChange> | null): void {
    if (changes !== null) {
      const isOurs = this.machineArn === null || [...changes.values()].some((change) => change.stateMachineArn === this.machineArn);
      if (!isOurs) return;
      this.set({ listing: withChanges(this.state.listing, changes, this.choice.statuses) });
    }
    this.refresh();
  }

  /** Reads the newest part again, soon. */
  refresh(): void {
    this.isHeadWanted = true;
    if (this.isHeadRead || this.pause !== undefined || this.state.listing.next === undefined || this.cancel.signal.aborted) return;
    void this.readHead();
  }

  private async readOn(): Promise<void> {
    if (this.state.isReading) return;
    const { signal } = this.cancel;
    this.set({ isReading: true, error: null });
    try {
      for (;;) {
        const { listing, isStopped } = this.state;
        if (signal.aborted || isStopped || listing.next === null || (listing.next !== undefined && listing.rows.length >= this.wanted)) break;
        const generation = this.generation;
        const isFirst = listing.next === undefined;
        const at = Date.now();
        const page = await this.read({ ...this.ask, limit: PAGE_ROWS, ...(listing.next ? { next: listing.next } : {}) }, signal);
        if (signal.aborted) break;
        if (generation !== this.generation) continue;
        if (isFirst) this.headAt = at;
        this.set({ listing: withMore(this.state.listing, page) });
        if (isFirst && this.isHeadWanted) this.refresh();
      }
    } catch (error) {
      if (!signal.aborted) this.fail(error);
    }
    if (!signal.aborted) this.set({ isReading: false });
  }

  private async readHead(): Promise<void> {
    const { signal } = this.cancel;
    const at = Date.now();
    const since = this.headAt / 1000 - CLOCK_SLACK_SECONDS;
    this.isHeadRead = true;
    this.isHeadWanted = false;
    const pages: SearchPage[] = [];
    let isReached = false;
    try {
      while (!isReached && pages.length < HEAD_PAGES_MAX) {
        const next = pages.at(-1)?.next;
        pages.push(await this.read({ ...this.ask, limit: PAGE_ROWS, ...(next ? { next } : {}) }, signal));
        if (signal.aborted) return;
        isReached = reaches(this.state.listing, pages, since);
      }
      if (!isReached) this.generation += 1;
      this.headAt = at;
      const listing = withHead(this.state.listing, pages, isReached);
      this.set(this.state.isReading ? { listing } : { listing, error: null });
    } catch (error) {
      if (signal.aborted) return;
      this.fail(error);
    }
    this.isHeadRead = false;
    this.pause = setTimeout(() => {
      this.pause = undefined;
      if (this.isHeadWanted) this.refresh();
    }, Math.max(HEAD_PAUSE_MS, HEAD_PAUSE_FACTOR * (Date.now() - at)));
  }

  private fail(error: unknown): void {
    this.set({ error: error instanceof Error ? error : new Error(String(error)) });
  }

  private set(changed: Partial<SearchState>): void {
    this.state = { ...this.state, ...changed };
    for (const listener of this.listeners) listener();
  }
}
