import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useLocation } from "wouter";
import { alarmsQuery } from "../../api/metrics";
import { ALARM_LOOKS, ALARM_STATES } from "../../model/alarms";
import type { Alarm } from "../../model/alarms";
import { alarmPath } from "../../model/arn";
import { Choice } from "../../ui/Choice";
import type { Option } from "../../ui/Choice";
import { Icon } from "../../ui/Icon";
import { Loaded } from "../../ui/Loaded";
import { CommandLine, Count, Empty, Time, useTitle } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { SearchField } from "../../ui/SearchField";
import { useQueryState } from "../../ui/useQueryState";
import { AlarmPill } from "./parts";

/** Every alarm, those that are in alarm first. */
export default function AlarmsPage() {
  useTitle("Alarms");
  const found = useQuery(alarmsQuery);
  return (
    <main className="page">
      <div className="page-head">
        <h1>Alarms</h1>
      </div>
      <Loaded query={found} what="alarms">
        {({ alarms, isCut }) => (alarms.length === 0 ? <NoAlarms /> : <List alarms={alarms} isCut={isCut} />)}
      </Loaded>
    </main>
  );
}

function List({ alarms, isCut }: { alarms: readonly Alarm[]; isCut: boolean }) {
  const [get, set] = useQueryState();
  const [, navigate] = useLocation();
  const state = get("state");
  const text = (get("q") ?? "").trim().toLowerCase();
  const shown = useMemo(
    () => alarms.filter((alarm) => (state === null || alarm.state === state) && `${alarm.name} ${alarm.description} ${alarm.condition}`.toLowerCase().includes(text)),
    [alarms, state, text],
  );
  return (
    <>
      <div className="filters" role="search">
        <Choice<string | null>
          label="State"
          options={[
            [null, "All"],
            ...ALARM_STATES.map((one): Option<string> => [
              one,
              <>
                <Icon name={ALARM_LOOKS[one].sign} size={12} /> {ALARM_LOOKS[one].text} <Count of={alarms.filter((alarm) => alarm.state === one).length} />
              </>,
            ]),
          ]}
          chosen={state}
          onChoose={(one) => set({ state: one })}
        />
        <SearchField label="Search alarms" placeholder="Name, metric, text" />
      </div>
      {shown.length === 0 ? (
        <Empty title="No alarm passes the filters" icon="search" />
      ) : (
        <Rows label="Alarms" rows={shown} columns={COLUMNS} keyOf={(alarm) => alarm.name} onOpen={(alarm) => navigate(alarmPath(alarm.name))} />
      )}
      <p className="foot quiet" role="status">
        {shown.length.toLocaleString("en")} of {alarms.length.toLocaleString("en")} {alarms.length === 1 ? "alarm" : "alarms"}
        {isCut ? "; there are more, which are not listed" : ""}
      </p>
    </>
  );
}

const COLUMNS: readonly Column<Alarm>[] = [
  { id: "state", title: "State", width: "146px", cell: (alarm) => <AlarmPill state={alarm.state} /> },
  {
    id: "name",
    title: "Name",
    width: "minmax(0, 1fr)",
    cell: (alarm) => (
      <Link className="strong" href={alarmPath(alarm.name)}>
        {alarm.name}
      </Link>
    ),
  },
  { id: "condition", title: "Condition", width: "minmax(0, 1.3fr)", isMinor: true, cell: (alarm) => <span title={alarm.condition}>{alarm.condition}</span> },
  {
    id: "reason",
    title: "Reason",
    width: "minmax(0, 1.5fr)",
    isMinor: true,
    cell: (alarm) => (
      <span className="quiet" title={alarm.reason}>
        {alarm.reason}
      </span>
    ),
  },
  {
    id: "actions",
    title: "Actions",
    width: "64px",
    isMinor: true,
    cell: (alarm) => <span className="quiet">{!alarm.hasActions ? "none" : alarm.actionsEnabled ? "on" : "off"}</span>,
  },
  { id: "since", title: "Since", width: "90px", cell: (alarm) => (alarm.since === null ? "" : <Time at={alarm.since} />) },
];

function NoAlarms() {
  const line = [
    `aws --endpoint-url ${window.location.origin} cloudwatch put-metric-alarm --alarm-name charge-errors`,
    "--namespace AWS/Lambda --metric-name Errors --dimensions Name=FunctionName,Value=MyFunction --statistic Sum --period 60",
    "--evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching",
  ].join(" ");
  return (
    <Empty title="No alarms yet" icon="alarm">
      <p>
        An alarm watches a metric, or other alarms, and starts a function, a state machine, a topic or a webhook when it changes. Put one into the template
        (AWS::CloudWatch::Alarm), or:
      </p>
      <CommandLine line={line} />
    </Empty>
  );
}
