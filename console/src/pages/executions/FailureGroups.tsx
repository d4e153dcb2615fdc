import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { failuresQuery } from "../../api/lists";
import type { Failures } from "../../api/lists";
import { executionPath, machinePath, nameOf } from "../../model/arn";
import { keyOfGroup, overTime } from "../../model/failures";
import type { FailureGroup } from "../../model/failures";
import { statusLook } from "../../model/status";
import { absoluteText } from "../../model/time";
import { Bars } from "../../ui/Bars";
import { Icon } from "../../ui/Icon";
import { Loaded } from "../../ui/Loaded";
import { CutNote, Empty, Pill, Time } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { useQueryState } from "../../ui/useQueryState";

const SINCE: Readonly<Record<string, { text: string; ms: number }>> = {
  "1h": { text: "hour", ms: 3_600_000 },
  "24h": { text: "24 hours", ms: 86_400_000 },
  "7d": { text: "7 days", ms: 604_800_000 },
  "30d": { text: "30 days", ms: 2_592_000_000 },
  "90d": { text: "90 days", ms: 7_776_000_000 },
};
const SINCE_USUAL = "24h";
const BARS = 24;
/** Groups that are shown; causes that are all different make as many as there are failures. */
const GROUPS_SHOWN_MAX = 5_000;
const ROW_HEIGHT = 62;

/** Failures of a state machine, or of all, put together by what they have in common. */
export default function FailureGroups({ machineArn }: { machineArn: string | null }) {
  const [get, set] = useQueryState();
  const chosen = get("since") ?? SINCE_USUAL;
  const since = SINCE[chosen] ?? SINCE["24h"];
  const isAborted = get("aborted") === "yes";
  const ms = since?.ms ?? 0;
  const asked = JSON.stringify([machineArn, ms, isAborted]);
  const [partial, setPartial] = useState<{ readonly asked: string; readonly failures: Failures } | null>(null);
  const found = useQuery(failuresQuery(machineArn, ms, isAborted, (failures) => setPartial({ asked, failures })));
  // A first read shows what it has so far; a later one keeps what is there until it is whole.
  const shown = found.data ?? (found.isFetching && partial?.asked === asked ? partial.failures : undefined);
  return (
    <>
      <div className="filters">
        <label className="inline">
          Ended within the last{" "}
          <select value={chosen} onChange={(event) => set({ since: event.target.value === SINCE_USUAL ? null : event.target.value })}>
            {Object.entries(SINCE).map(([key, { text }]) => (
              <option key={key} value={key}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label className="inline">
          <input type="checkbox" checked={isAborted} onChange={(event) => set({ aborted: event.target.checked ? "yes" : null })} /> Aborted ones too
        </label>
      </div>
      <Loaded query={{ data: shown, error: found.error, refetch: found.refetch }} what="failures">
        {(failures) => <Groups failures={failures} machineArn={machineArn} ms={ms} isReading={found.data === undefined} />}
      </Loaded>
    </>
  );
}

function Groups({ failures, machineArn, ms, isReading }: { failures: Failures; machineArn: string | null; ms: number; isReading: boolean }) {
  const [, navigate] = useLocation();
  const { groups, looked, until, machinesLeftOut } = failures;
  const shown = groups.slice(0, GROUPS_SHOWN_MAX);
  const sum = groups.reduce((all, group) => all + group.count, 0);
  const now = Date.now() / 1000;
  const columns: Column<FailureGroup>[] = [
    {
      id: "count",
      title: "Count",
      width: "70px",
      isNumber: true,
      cell: (group) => (
        <Link className="strong" href={pathOf(group)} title="The executions of this group">
          {group.count.toLocaleString("en")}
        </Link>
      ),
    },
    {
      id: "why",
      title: "Error and cause",
      width: "minmax(0, 2fr)",
      cell: (group) => (
        <span className="two-lines">
          <span>
            <span className="tone-bad strong">{group.error ?? statusLook(group.status).text}</span>
            {group.state !== null && (
              <>
                {" "}
                in <span className="strong">{group.state}</span>
              </>
            )}
          </span>
          <span className="quiet" title={group.cause}>
            {group.cause || "no cause"}
          </span>
        </span>
      ),
    },
    ...(machineArn === null
      ? [
          {
            id: "machine",
            title: "State machine",
            width: "minmax(0, 0.8fr)",
            isMinor: true,
            cell: (group: FailureGroup) => <Link href={machinePath(group.stateMachineArn)}>{nameOf(group.stateMachineArn)}</Link>,
          },
        ]
      : []),
    { id: "status", title: "Status", width: "118px", isMinor: true, cell: (group) => <Pill look={statusLook(group.status)} /> },
    {
      id: "hours",
      title: "Over time",
      width: "130px",
      isMinor: true,
      cell: (group) => <Bars tone="bad" counts={overTime(group, now - ms / 1000, now, BARS)} label={`${group.count} between ${absoluteText(group.firstSeen * 1000)} and ${absoluteText(group.lastSeen * 1000)}`} />,
    },
    { id: "last", title: "Last", width: "80px", cell: (group) => <Time at={group.lastSeen * 1000} /> },
    {
      id: "examples",
      title: "Newest",
      width: "minmax(0, 1fr)",
      isMinor: true,
      cell: (group) => (
        <span className="two-lines">
          {group.examples.slice(0, 2).map((one) => (
            <Link key={one.executionArn} className="mono" href={executionPath(one.executionArn)}>
              {nameOf(one.executionArn)}
            </Link>
          ))}
        </span>
      ),
    },
  ];
  if (groups.length === 0 && !isReading) {
    return (
      <Empty title="Nothing failed" icon="check">
        <p>{looked.toLocaleString("en")} executions were looked at.</p>
      </Empty>
    );
  }
  return (
    <>
      <p className="list-bar" role="status">
        <span>
          {sum.toLocaleString("en")} {sum === 1 ? "failure" : "failures"} in {groups.length.toLocaleString("en")} {groups.length === 1 ? "group" : "groups"}
          <span className="quiet">
            ; {looked.toLocaleString("en")} executions looked at
            {until === null ? "" : ` down to ${absoluteText(until * 1000).slice(0, 19)}`}
            {!isReading && until !== null ? "; what is older is left out" : ""}
            {machinesLeftOut > 0 ? `; ${machinesLeftOut.toLocaleString("en")} state machines left out` : ""}
          </span>
        </span>
        {isReading && <Icon name="running" size={13} />}
      </p>
      {shown.length > 0 && (
        <Rows label="Groups of failures" rows={shown} columns={columns} rowHeight={ROW_HEIGHT} keyOf={keyOfGroup} onOpen={(group) => navigate(pathOf(group))} />
      )}
      {shown.length < groups.length && <CutNote count={shown.length} what="groups" />}
    </>
  );
}

/** The executions of a group. */
function pathOf(group: FailureGroup): string {
  const { stateMachineArn: machine, state, error, cause, status } = group;
  const search = new URLSearchParams({ machine, status });
  // An empty text is a part of the group as well: it has no error, no cause.
  if (state !== null) search.set("fstate", state);
  search.set("ferror", error ?? "");
  search.set("fcause", cause);
  return `/executions?${search.toString()}`;
}
