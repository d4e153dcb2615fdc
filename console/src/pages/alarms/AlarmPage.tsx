import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { cloudwatch } from "../../api/call";
import type { CloudWatch } from "../../api/generated";
import { metricFiltersQuery } from "../../api/logs";
import { alarmQuery, parentsQuery, seriesQuery } from "../../api/metrics";
import { actionText, alarmMetrics, alarmPeriod, alarmQueries, ALARM_LOOKS, ALARM_STATES, comparisonSign, leadsOf, periodText } from "../../model/alarms";
import type { Alarm, AlarmState } from "../../model/alarms";
import { alarmPath, functionPath, machinePath, nameOf, withQuery } from "../../model/arn";
import { nameIn } from "../../model/calls";
import { alarmsLine, quoted } from "../../model/commands";
import { graphedOf, writeMetrics } from "../../model/metrics";
import { groupNumber } from "../../model/numbers";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { MetricChart } from "../../ui/MetricChart";
import { Arn, CommandLine, CopyButton, Crumbs, Empty, ErrorNote, Pair, Time, useTitle, Waiting } from "../../ui/parts";
import { TimeRangePicker, useLiveRange, useTimeRange } from "../../ui/TimeRange";
import { AlarmHistory } from "./AlarmHistory";
import { CompositeRule } from "./CompositeRule";
import { AlarmPill } from "./parts";
import "../../styles/alarms.css";

/** One alarm: what it watches, how that went, and what happened to it. */
export default function AlarmPage({ name }: { name: string }) {
  const found = useQuery(alarmQuery(name));
  const alarm = found.data;
  useTitle(alarm ? `${name} ${ALARM_LOOKS[alarm.state].text.toLowerCase()}` : name);
  return (
    <main className="page">
      <Crumbs above={[["/alarms", "Alarms"]]} here={name} />
      {!alarm && <h1>{name}</h1>}
      {found.error && <ErrorNote error={found.error} onRetry={() => void found.refetch()} />}
      {alarm ? (
        <Found alarm={alarm} />
      ) : found.isPending ? (
        <Waiting what="the alarm" />
      ) : found.error ? null : (
        <Empty title="There is no alarm of this name" icon="alarm">
          <CommandLine line={alarmsLine(window.location.origin)} />
        </Empty>
      )}
    </main>
  );
}

function Found({ alarm }: { alarm: Alarm }) {
  const client = useQueryClient();
  const [isSetting, setSetting] = useState(false);
  const again = (): void => {
    for (const key of ["alarm", "alarms", "alarmHistory"]) void client.invalidateQueries({ queryKey: [key] });
  };
  const toggle = useMutation({
    mutationFn: () => cloudwatch(alarm.actionsEnabled ? "DisableAlarmActions" : "EnableAlarmActions", { AlarmNames: [alarm.name] }),
    onSuccess: again,
  });
  // A change of state is an item of the history too.
  const state = useRef(alarm.state);
  useEffect(() => {
    if (state.current !== alarm.state) void client.invalidateQueries({ queryKey: ["alarmHistory", alarm.name] });
    state.current = alarm.state;
  }, [alarm.state, alarm.name, client]);
  const line = ["aws", "--endpoint-url", window.location.origin, "cloudwatch", "describe-alarms", "--alarm-names", alarm.name, "--alarm-types", "MetricAlarm", "CompositeAlarm"];
  const look = ALARM_LOOKS[alarm.state];
  return (
    <>
      <div className="page-head">
        <h1 className="with-status">
          <span>{alarm.name}</span>
          <span role="status" aria-label="State">
            <AlarmPill state={alarm.state} />
          </span>
        </h1>
        <div className="actions">
          <button type="button" className="button" onClick={() => setSetting(true)}>
            <Icon name="pencil" size={13} /> Set state
          </button>
          <button type="button" className="button" onClick={() => toggle.mutate()} disabled={toggle.isPending}>
            <Icon name={alarm.actionsEnabled ? "pause" : "play"} size={13} /> {alarm.actionsEnabled ? "Disable actions" : "Enable actions"}
          </button>
          <CopyButton text={line.map(quoted).join(" ")} label="Copy as a line for the AWS CLI">
            CLI
          </CopyButton>
        </div>
      </div>
      {toggle.error && <ErrorNote error={toggle.error} />}
      {alarm.description && <p>{alarm.description}</p>}
      <div className={`note tone-${look.tone}`} role="region" aria-label="Why it is in this state">
        <Icon name={look.sign} />
        <div>
          <strong>{look.text}</strong>
          {alarm.since !== null && (
            <>
              , changed <Time at={alarm.since} />
            </>
          )}
          <p>{alarm.reason || "It was not evaluated yet."}</p>
          <Leads alarm={alarm} />
        </div>
      </div>
      {alarm.metric && <Watched alarm={alarm.metric} />}
      {alarm.composite && <CompositeRule alarm={alarm.composite} />}
      <div className="columns">
        <Settings alarm={alarm} />
        <Actions alarm={alarm} />
      </div>
      <AlarmHistory name={alarm.name} />
      {isSetting && (
        <SetState
          alarm={alarm}
          onClose={() => setSetting(false)}
          onDone={() => {
            setSetting(false);
            again();
          }}
        />
      )}
    </>
  );
}

/** Where to look next. */
function Leads({ alarm }: { alarm: Alarm }) {
  const filters = useQuery(metricFiltersQuery(alarm.metric ? alarmMetrics(alarm.metric) : []));
  const leads = leadsOf(alarm, filters.data ?? []);
  if (filters.error) return <ErrorNote error={filters.error} />;
  if (leads.length === 0) return null;
  return (
    <p className="leads">
      {leads.map(({ title, path }) => (
        <Link key={path} href={path}>
          {title}
        </Link>
      ))}
    </p>
  );
}

/** The metric over time, with the threshold. */
function Watched({ alarm }: { alarm: CloudWatch.MetricAlarm }) {
  const time = useTimeRange("3h");
  const period = alarmPeriod(alarm);
  const queries = useMemo(() => alarmQueries(alarm), [alarm]);
  const graphed = useMemo(() => graphedOf(queries), [queries]);
  const found = useQuery(seriesQuery({ queries, graphed, defaults: { stat: "Average", period }, from: time.from, to: time.to }));
  const threshold = alarm.Threshold;
  useLiveRange(time.refresh, time.range.kind === "relative", Math.max(5_000, Math.min(60_000, period * 1_000)));
  return (
    <section className="card" aria-label="What it watches">
      <div className="page-head">
        <h2>{alarm.MetricName ?? "Metric math"}</h2>
        <TimeRangePicker time={time} isRefreshing={found.isFetching} />
      </div>
      {found.error ? (
        <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      ) : (
        <MetricChart
          series={found.data ?? []}
          from={time.from}
          to={time.to}
          label={alarm.AlarmName ?? "The metric"}
          annotations={threshold === undefined ? [] : [{ value: threshold, label: `${comparisonSign(alarm.ComparisonOperator)} ${groupNumber(threshold)}` }]}
          onRange={(from, to) => time.set({ kind: "absolute", from, to })}
        />
      )}
      <p>
        <Link href={withQuery("/metrics", { metrics: JSON.stringify(writeMetrics(graphed)), period: String(period) })}>Open in the metrics explorer</Link>
      </p>
    </section>
  );
}

function Settings({ alarm }: { alarm: Alarm }) {
  const { metric } = alarm;
  const parents = useQuery(parentsQuery(alarm.name));
  return (
    <section>
      <h2>Settings</h2>
      <dl className="pairs">
        {metric && (
          <>
            <Pair name="Condition">{alarm.condition}</Pair>
            {metric.Namespace && <Pair name="Namespace">{metric.Namespace}</Pair>}
            {(metric.Dimensions ?? []).map(({ Name, Value }) => (
              <Pair key={Name} name={Name}>
                <code>{Value}</code>
              </Pair>
            ))}
            <Pair name="Missing data">{metric.TreatMissingData ?? "missing"}</Pair>
            <Pair name="Period">{periodText(alarmPeriod(metric))}</Pair>
            {metric.EvaluationState && <Pair name="Evaluation">{metric.EvaluationState}</Pair>}
          </>
        )}
        {parents.data && parents.data.length > 0 && (
          <Pair name="Part of">
            {parents.data.map((parent) => (
              <Link key={parent.name} href={alarmPath(parent.name)}>
                {parent.name}{" "}
              </Link>
            ))}
          </Pair>
        )}
        <Pair name="ARN">
          <Arn arn={alarm.arn} />
        </Pair>
      </dl>
    </section>
  );
}

function Actions({ alarm }: { alarm: Alarm }) {
  const of = alarm.metric ?? alarm.composite;
  const kinds: readonly (readonly [AlarmState, readonly string[]])[] = [
    ["ALARM", of?.AlarmActions ?? []],
    ["OK", of?.OKActions ?? []],
    ["INSUFFICIENT_DATA", of?.InsufficientDataActions ?? []],
  ];
  return (
    <section>
      <h2>Actions{alarm.hasActions && !alarm.actionsEnabled ? " (disabled)" : ""}</h2>
      {alarm.hasActions ? (
        <dl className="pairs">
          {kinds.flatMap(([state, actions]) =>
            actions.map((arn) => (
              <Pair key={`${state} ${arn}`} name={ALARM_LOOKS[state].text}>
                {actionText(arn)} <ActionTarget arn={arn} />
              </Pair>
            )),
          )}
        </dl>
      ) : (
        <p className="quiet">None. A change of its state is an event on the default bus in any case.</p>
      )}
    </section>
  );
}

function ActionTarget({ arn }: { arn: string }) {
  if (arn.includes(":stateMachine:")) return <Link href={machinePath(arn)}>{nameOf(arn)}</Link>;
  const name = arn.includes(":function:") ? nameIn(arn) : null;
  if (name !== null) return <Link href={functionPath(name)}>{name}</Link>;
  return <code>{arn}</code>;
}

function SetState({ alarm, onClose, onDone }: { alarm: Alarm; onClose: () => void; onDone: () => void }) {
  const [state, setState] = useState<AlarmState>(alarm.state === "ALARM" ? "OK" : "ALARM");
  const [reason, setReason] = useState("Set by hand in the console");
  const run = useMutation({ mutationFn: () => cloudwatch("SetAlarmState", { AlarmName: alarm.name, StateValue: state, StateReason: reason }), onSuccess: onDone });
  return (
    <Dialog title={`Set the state of ${alarm.name}`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          run.mutate();
        }}
      >
        <label>
          State
          <select data-first value={state} onChange={(event) => setState(event.target.value as AlarmState)}>
            {ALARM_STATES.map((one) => (
              <option key={one} value={one}>
                {ALARM_LOOKS[one].text}
              </option>
            ))}
          </select>
        </label>
        <label>
          Reason
          <input type="text" maxLength={1_023} required value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <p className="quiet">
          Its actions are executed as if it had changed by itself{alarm.actionsEnabled ? "" : " (they are disabled now)"}.{" "}
          {alarm.isComposite ? "It changes again when an alarm of its rule does." : "The next evaluation, within a minute, sets it to what its metric says."}
        </p>
        {run.error && <ErrorNote error={run.error} />}
        <div className="actions">
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button is-main" disabled={run.isPending || reason.trim() === ""}>
            Set state
          </button>
        </div>
      </form>
    </Dialog>
  );
}
