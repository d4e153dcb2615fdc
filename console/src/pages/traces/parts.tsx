import type { TraceOutcome } from "../../model/trace";
import { Pill } from "../../ui/parts";
import { TRACE_LOOK } from "../../ui/Waterfall";

/** How a trace or a part of one ended, in word, sign and colour. */
export function TracePill({ outcome }: { outcome: TraceOutcome }) {
  return <Pill look={TRACE_LOOK[outcome]} />;
}
