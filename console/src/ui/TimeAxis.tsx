import { durationText } from "../model/time";

/** Instants along the top of bars, as time since the first; the text of one at the end stands before it. */
export function TimeTicks({ ticks }: { ticks: readonly { readonly at: number; readonly offset: number }[] }) {
  return ticks.map(({ at, offset }) => (
    <i key={offset} className={at > 0.94 ? "is-last" : undefined} style={{ left: `${at * 100}%` }}>
      {durationText(offset)}
    </i>
  ));
}
