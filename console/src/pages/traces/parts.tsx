import type { TraceOutcome } from "../../model/trace";
import { Icon } from "../../ui/Icon";
import { TRACE_LOOK } from "../../ui/Waterfall";

/** How a trace or a part of one ended, in word, sign and colour. */
export function TracePill({ outcome }: { outcome: TraceOutcome }) {
  const look = TRACE_LOOK[outcome];
  return (
    <span className={`pill tone-${look.tone}`}>
      <Icon name={look.icon} size={12} />
      {look.text}
    </span>
  );
}
