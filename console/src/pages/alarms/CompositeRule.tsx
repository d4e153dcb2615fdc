import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link } from "wouter";
import type { CloudWatch } from "../../api/generated";
import { alarmsNamedQuery } from "../../api/metrics";
import { ALARM_LOOKS, holds, namesOf, readRule } from "../../model/alarms";
import type { AlarmState, Rule } from "../../model/alarms";
import { alarmPath, nameOf } from "../../model/arn";
import { Icon } from "../../ui/Icon";
import { ErrorNote } from "../../ui/parts";
import { AlarmPill } from "./parts";
import "../../styles/alarms.css";

/** The rule of a composite alarm as a tree, with how each of its alarms stands. */
export function CompositeRule({ alarm }: { alarm: CloudWatch.CompositeAlarm }) {
  const text = alarm.AlarmRule ?? "";
  const rule = useMemo(() => readRule(text), [text]);
  const names = useMemo(() => (rule ? namesOf(rule) : []), [rule]);
  const found = useQuery(alarmsNamedQuery(names));
  const states = useMemo(() => (found.data ? new Map(found.data.map((one) => [one.name, one.state])) : null), [found.data]);
  const suppressor = alarm.ActionsSuppressor;
  return (
    <section className="card" aria-label="Its rule">
      <h2>Rule</h2>
      <code className="rule-text">{text}</code>
      {found.error && <ErrorNote error={found.error} />}
      {rule ? (
        <ul className="rule">
          <RuleNode rule={rule} states={states} />
        </ul>
      ) : (
        <p className="quiet">This rule cannot be shown as a tree.</p>
      )}
      {suppressor && (
        <p>
          Its actions wait while <Link href={alarmPath(nameIn(suppressor))}>{nameIn(suppressor)}</Link> is in alarm: {alarm.ActionsSuppressorWaitPeriod ?? 0} s before it,{" "}
          {alarm.ActionsSuppressorExtensionPeriod ?? 0} s after it.
          {alarm.ActionsSuppressedReason ? ` ${alarm.ActionsSuppressedReason}` : ""}
        </p>
      )}
    </section>
  );
}

const nameIn = (arn: string): string => (arn.startsWith("arn:") ? nameOf(arn) : arn);

const WORDS = { all: "All of these", any: "Any of these", not: "Not" } as const;

/** - `states`: of its alarms by name; `null` until they were read. */
function RuleNode({ rule, states }: { rule: Rule; states: ReadonlyMap<string, AlarmState> | null }) {
  const mark = states && <Standing value={holds(rule, states)} />;
  if (rule.kind === "constant") return <li>{rule.value ? "TRUE" : "FALSE"}</li>;
  if (rule.kind === "state") {
    return (
      <li>
        <Named name={rule.name} states={states} /> is to be {ALARM_LOOKS[rule.state].text.toLowerCase()}: {mark}
      </li>
    );
  }
  if (rule.kind === "atLeast") {
    return (
      <li>
        At least {rule.minimum} of these are to be {rule.state}: {mark}
        <ul>
          {rule.names.map((name) => (
            <li key={name}>
              <Named name={name} states={states} />
            </li>
          ))}
        </ul>
      </li>
    );
  }
  return (
    <li>
      {WORDS[rule.kind]}: {mark}
      <ul>
        {rule.of.map((one, index) => (
          <RuleNode key={index} rule={one} states={states} />
        ))}
      </ul>
    </li>
  );
}

function Named({ name, states }: { name: string; states: ReadonlyMap<string, AlarmState> | null }) {
  const state = states?.get(name);
  return (
    <>
      <Link href={alarmPath(name)}>{name}</Link> {state ? <AlarmPill state={state} /> : states && <span className="quiet">(there is no such alarm)</span>}
    </>
  );
}

function Standing({ value }: { value: boolean | null }) {
  return (
    <span className={`rule-value tone-${value === true ? "bad" : "quiet"}`}>
      <Icon name={value === true ? "check" : value === false ? "minus" : "warning"} size={12} />
      {value === true ? "holds" : value === false ? "does not hold" : "not known"}
    </span>
  );
}
