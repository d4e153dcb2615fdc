import { useEffect, useRef } from "react";
import { ALARM_LOOKS } from "../../model/alarms";
import type { AlarmState } from "../../model/alarms";
import { Pill } from "../../ui/parts";

/** The state of an alarm, in word, sign and colour. */
export function AlarmPill({ state }: { state: AlarmState }) {
  return <Pill look={ALARM_LOOKS[state]} />;
}

/** Moves the end of a range on while somebody looks. */
export function useLiveRange(refresh: () => void, isOn: boolean, everyMs: number): void {
  const latest = useRef(refresh);
  latest.current = refresh;
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => {
      if (!document.hidden) latest.current();
    }, everyMs);
    return () => clearInterval(timer);
  }, [isOn, everyMs]);
}
