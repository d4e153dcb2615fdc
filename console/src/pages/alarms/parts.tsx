import { ALARM_LOOKS } from "../../model/alarms";
import type { AlarmState } from "../../model/alarms";
import { Pill } from "../../ui/parts";

/** The state of an alarm, in word, sign and colour. */
export function AlarmPill({ state }: { state: AlarmState }) {
  return <Pill look={ALARM_LOOKS[state]} />;
}
