/** Alarms: what they watch in words, how they look, and the rules of composite ones as a tree. */

import type { CloudWatch, Logs } from "../api/generated";
import { functionPath, machinePath, nameOf, withQuery } from "./arn";
import { groupNumber } from "./numbers";
import type { Look } from "./status";

export type AlarmState = CloudWatch.StateValue;

export const ALARM_LOOKS: Readonly<Record<AlarmState, Look>> = {
  ALARM: { text: "In alarm", tone: "bad", sign: "alarm" },
  INSUFFICIENT_DATA: { text: "Insufficient data", tone: "quiet", sign: "minus" },
  OK: { text: "OK", tone: "good", sign: "check" },
};

export const ALARM_STATES = ["ALARM", "INSUFFICIENT_DATA", "OK"] as const;

/** A metric alarm or a composite one, as lists show it. */
export interface Alarm {
  readonly name: string;
  readonly arn: string;
  readonly state: AlarmState;
  readonly reason: string;
  /** Since when it is in its state, in milliseconds. */
  readonly since: number | null;
  readonly description: string;
  readonly condition: string;
  readonly isComposite: boolean;
  readonly hasActions: boolean;
  readonly actionsEnabled: boolean;
  readonly metric: CloudWatch.MetricAlarm | null;
  readonly composite: CloudWatch.CompositeAlarm | null;
}

export function readAlarms(reply: CloudWatch.DescribeAlarmsOutput): Alarm[] {
  const common = (alarm: CloudWatch.MetricAlarm | CloudWatch.CompositeAlarm) => ({
    name: alarm.AlarmName ?? "",
    arn: alarm.AlarmArn ?? "",
    state: alarm.StateValue ?? ("INSUFFICIENT_DATA" as const),
    reason: alarm.StateReason ?? "",
    since: sinceOf(alarm),
    description: alarm.AlarmDescription ?? "",
    hasActions: [alarm.AlarmActions, alarm.OKActions, alarm.InsufficientDataActions].some((actions) => (actions?.length ?? 0) > 0),
    actionsEnabled: alarm.ActionsEnabled ?? true,
  });
  return [
    ...(reply.MetricAlarms ?? []).map((alarm) => ({ ...common(alarm), condition: conditionText(alarm), isComposite: false, metric: alarm, composite: null })),
    ...(reply.CompositeAlarms ?? []).map((alarm) => ({ ...common(alarm), condition: alarm.AlarmRule ?? "", isComposite: true, metric: null, composite: alarm })),
  ];
}

function sinceOf(alarm: CloudWatch.MetricAlarm | CloudWatch.CompositeAlarm): number | null {
  const at = alarm.StateTransitionedTimestamp ?? alarm.StateUpdatedTimestamp;
  return at === undefined ? null : at * 1_000;
}

/** Those that ask for somebody first, then by name. */
export function sortedAlarms(alarms: readonly Alarm[]): Alarm[] {
  return alarms.toSorted((a, b) => ALARM_STATES.indexOf(a.state) - ALARM_STATES.indexOf(b.state) || a.name.localeCompare(b.name));
}

const COMPARISONS: Readonly<Record<string, string>> = {
  GreaterThanOrEqualToThreshold: "≥",
  GreaterThanThreshold: ">",
  LessThanThreshold: "<",
  LessThanOrEqualToThreshold: "≤",
};

export function comparisonSign(operator: string | undefined): string {
  return COMPARISONS[operator ?? ""] ?? operator ?? "";
}

/** `10 s`, `1 min`, `5 min`, `1 h`. */
export function periodText(seconds: number): string {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** `Sum of Errors > 5 for 2 of 3 periods of 1 min`. */
export function conditionText(alarm: CloudWatch.MetricAlarm): string {
  const periods = alarm.EvaluationPeriods ?? 1;
  const needed = alarm.DatapointsToAlarm ?? periods;
  const shown = (alarm.Metrics ?? []).find((query) => query.ReturnData !== false);
  const subject = alarm.MetricName
    ? `${alarm.Statistic ?? alarm.ExtendedStatistic ?? ""} of ${alarm.MetricName}`
    : (shown?.Label ?? shown?.Expression ?? (shown?.MetricStat ? `${shown.MetricStat.Stat} of ${shown.MetricStat.Metric.MetricName}` : "a metric"));
  const period = alarm.Period ?? shown?.Period ?? shown?.MetricStat?.Period ?? alarm.Metrics?.find((query) => query.MetricStat)?.MetricStat?.Period ?? 60;
  const times = periods === 1 ? `for ${periodText(period)}` : `for ${needed === periods ? "" : `${needed} of `}${periods} periods of ${periodText(period)}`;
  return `${subject} ${comparisonSign(alarm.ComparisonOperator)} ${groupNumber(alarm.Threshold ?? 0)} ${times}`;
}

/** Seconds of one of its periods. */
export function alarmPeriod(alarm: CloudWatch.MetricAlarm): number {
  return alarm.Period ?? alarm.Metrics?.find((query) => query.MetricStat)?.MetricStat?.Period ?? 60;
}

/** What GetMetricData is asked for its graph; the series that is compared comes first. */
export function alarmQueries(alarm: CloudWatch.MetricAlarm): CloudWatch.MetricDataQuery[] {
  if (alarm.Metrics && alarm.Metrics.length > 0) {
    return alarm.Metrics.toSorted((a, b) => Number(b.ReturnData !== false) - Number(a.ReturnData !== false));
  }
  if (!alarm.MetricName || !alarm.Namespace) return [];
  return [
    {
      Id: "m1",
      Label: alarm.MetricName,
      MetricStat: {
        Metric: { Namespace: alarm.Namespace, MetricName: alarm.MetricName, Dimensions: alarm.Dimensions ?? [] },
        Period: alarm.Period ?? 60,
        Stat: alarm.Statistic ?? alarm.ExtendedStatistic ?? "Average",
        ...(alarm.Unit ? { Unit: alarm.Unit } : {}),
      },
    },
  ];
}

/** The metrics that it reads; one of metric math has several. */
export function alarmMetrics(alarm: CloudWatch.MetricAlarm): CloudWatch.Metric[] {
  return alarmQueries(alarm).flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : []));
}

/** How long before and after a change of state lines of logs are looked for. */
const AROUND_MS = 15 * 60_000;

/**
 * Where more is told of what an alarm watches: failures of a state machine, the log of a function, the lines that a metric is counted from.
 *
 * - `filters`: metric filters that make one of its metrics.
 */
export function leadsOf(alarm: Alarm, filters: readonly Logs.MetricFilter[]): { readonly title: string; readonly path: string }[] {
  if (alarm.metric === null) return [];
  const dimensions = alarmMetrics(alarm.metric).flatMap((metric) => metric.Dimensions ?? []);
  const valuesOf = (name: string): string[] => [...new Set(dimensions.filter(({ Name }) => Name === name).map(({ Value }) => Value))];
  const { since } = alarm;
  const [from, to] = since === null ? [] : [since - AROUND_MS, since + AROUND_MS].map((at) => new Date(at).toISOString());
  return [
    ...valuesOf("StateMachineArn").map((arn) => ({ title: `Failures of ${nameOf(arn)}`, path: withQuery(machinePath(arn), { view: "failures" }) })),
    ...valuesOf("FunctionName").map((name) => ({ title: `Log of ${name}`, path: withQuery(functionPath(name), { view: "logs" }) })),
    ...filters.map(({ logGroupName = "", filterPattern = "" }) => ({
      title: `Lines of ${logGroupName} that count`,
      path: withQuery("/logs", { groups: logGroupName, q: filterPattern, from, to }),
    })),
  ];
}

/** What kind of thing an action is started as. */
export function actionText(arn: string): string {
  if (/^https?:/.test(arn)) return "posts to";
  if (arn.includes(":stateMachine:")) return "starts";
  if (arn.includes(":function:")) return "invokes";
  if (arn.includes(":sns:")) return "publishes to";
  return "does";
}

export type Rule =
  | { readonly kind: "all" | "any"; readonly of: readonly Rule[] }
  | { readonly kind: "not"; readonly of: readonly Rule[] }
  | { readonly kind: "state"; readonly state: AlarmState; readonly name: string }
  | { readonly kind: "atLeast"; readonly minimum: string; readonly state: string; readonly names: readonly string[] }
  | { readonly kind: "constant"; readonly value: boolean };

/** The rule of a composite alarm as a tree; `null` for what is none. */
export function readRule(text: string): Rule | null {
  const tokens = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|[(),]|[^\s(),"]+/g)].map((found) => ({ text: found[1] ?? found[0], isQuoted: found[1] !== undefined }));
  let at = 0;
  const word = (): string => (tokens[at]?.isQuoted ? "" : (tokens[at]?.text.toUpperCase() ?? ""));
  const take = (wanted: string): void => {
    if (word() !== wanted) throw new Error(`no ${wanted}`);
    at += 1;
  };
  const name = (): string => {
    const token = tokens[at];
    if (token === undefined || (!token.isQuoted && /^[(),]$/.test(token.text))) throw new Error("no name");
    at += 1;
    // An ARN names an alarm too.
    return token.text.startsWith("arn:") ? nameOf(token.text) : token.text;
  };
  const joined = (kind: "all" | "any", operator: string, inner: () => Rule): Rule => {
    const of = [inner()];
    while (word() === operator) {
      at += 1;
      of.push(inner());
    }
    return of.length === 1 ? (of[0] as Rule) : { kind, of };
  };
  const any = (): Rule => joined("any", "OR", all);
  const all = (): Rule => joined("all", "AND", one);
  const one = (): Rule => {
    const found = word();
    at += 1;
    if (found === "NOT") return { kind: "not", of: [one()] };
    if (found === "TRUE" || found === "FALSE") return { kind: "constant", value: found === "TRUE" };
    if (found === "(") {
      const inner = any();
      take(")");
      return inner;
    }
    take("(");
    if (found === "AT_LEAST") {
      const minimum = name();
      take(",");
      let state = name();
      if (state.toUpperCase() === "NOT") state = `NOT ${name()}`;
      take(",");
      take("(");
      const names = [name()];
      while (word() === ",") {
        at += 1;
        names.push(name());
      }
      take(")");
      take(")");
      return { kind: "atLeast", minimum, state: state.toUpperCase(), names };
    }
    if (found !== "ALARM" && found !== "OK" && found !== "INSUFFICIENT_DATA") throw new Error(`unknown ${found}`);
    const called = name();
    take(")");
    return { kind: "state", state: found, name: called };
  };
  try {
    const rule = any();
    return at === tokens.length ? rule : null;
  } catch {
    return null;
  }
}

/** The alarms that a rule names, each once. */
export function namesOf(rule: Rule): string[] {
  const names = rule.kind === "state" ? [rule.name] : rule.kind === "atLeast" ? rule.names : rule.kind === "constant" ? [] : rule.of.flatMap(namesOf);
  return [...new Set(names)];
}

/** Whether a rule holds as its alarms stand; `null` where one of them is not there. */
export function holds(rule: Rule, states: ReadonlyMap<string, AlarmState>): boolean | null {
  switch (rule.kind) {
    case "constant":
      return rule.value;
    case "state": {
      const state = states.get(rule.name);
      return state === undefined ? null : state === rule.state;
    }
    case "not": {
      const inner = rule.of[0] === undefined ? null : holds(rule.of[0], states);
      return inner === null ? null : !inner;
    }
    case "atLeast": {
      const isNegated = rule.state.startsWith("NOT ");
      const state = rule.state.replace("NOT ", "");
      const count = rule.names.filter((name) => states.has(name) && (states.get(name) === state) !== isNegated).length;
      const least = rule.minimum.endsWith("%") ? (Number.parseFloat(rule.minimum) / 100) * rule.names.length : Number(rule.minimum);
      return count >= least;
    }
    default: {
      const inner = rule.of.map((one) => holds(one, states));
      if (rule.kind === "all") return inner.includes(false) ? false : inner.includes(null) ? null : true;
      return inner.includes(true) ? true : inner.includes(null) ? null : false;
    }
  }
}

/** The states that an item of the history says: from, to. */
export function stateChange(item: CloudWatch.AlarmHistoryItem): { readonly from: AlarmState | null; readonly to: AlarmState | null } {
  const stateIn = (value: unknown): AlarmState | null => {
    const state = typeof value === "object" && value !== null ? (value as Record<string, unknown>)["stateValue"] : undefined;
    return state === "OK" || state === "ALARM" || state === "INSUFFICIENT_DATA" ? state : null;
  };
  if (item.HistoryItemType !== "StateUpdate") return { from: null, to: null };
  try {
    const data = JSON.parse(item.HistoryData ?? "{}") as Record<string, unknown>;
    return { from: stateIn(data["oldState"]), to: stateIn(data["newState"]) };
  } catch {
    return { from: null, to: null };
  }
}
