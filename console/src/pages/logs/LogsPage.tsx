import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { ApiError } from "../../api/call";
import type { Logs } from "../../api/generated";
import { GROUPS_MAX, logGroupsQuery, logSearchQuery } from "../../api/logs";
import { followLine, logsLine } from "../../model/commands";
import { functionOfGroup } from "../../model/logLines";
import { bytesText } from "../../model/numbers";
import { cleared, NOTHING_HELD, paused, scrolled, seen } from "../../model/tailHold";
import { rangeText } from "../../model/timeRange";
import { FilterField } from "../../ui/FilterField";
import { Icon } from "../../ui/Icon";
import { Loaded } from "../../ui/Loaded";
import { LogLines } from "../../ui/LogLines";
import { CommandLine, CopyButton, Empty, ErrorNote, Time, useTitle, Waiting } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { SearchField } from "../../ui/SearchField";
import { TabbedView } from "../../ui/TabbedView";
import { TimeRangePicker, useTimeRange } from "../../ui/TimeRange";
import type { ChosenTime } from "../../ui/TimeRange";
import { useQueryState } from "../../ui/useQueryState";
import { useReadOn } from "../../ui/useReadOn";
import { InsightsView } from "./InsightsView";
import { TAIL_LINES_MAX, useLiveTail } from "./useLiveTail";

/** Log groups, and search, live tail and queries over some of them. */
export default function LogsPage() {
  useTitle("Logs");
  const [get, set] = useQueryState();
  const time = useTimeRange();
  const chosen = get("groups") ?? "";
  const groups = useMemo(() => (chosen === "" ? [] : chosen.split(",").slice(0, GROUPS_MAX)), [chosen]);
  const found = useQuery(logGroupsQuery);
  const choose = (next: readonly string[]): void => set({ groups: next.join(",") });
  return (
    <main className="page">
      <div className="page-head">
        <h1>Logs</h1>
        {get("view") !== "tail" && groups.length > 0 && <TimeRangePicker time={time} />}
      </div>
      <Loaded query={found} what="log groups">
        {(all) =>
          groups.length === 0 ? (
            <GroupTable groups={all.groups} isCut={all.isCut} onChoose={(name) => choose([name])} />
          ) : (
            <>
              <GroupPicker groups={all.groups} chosen={groups} onChoose={choose} />
              <TabbedView
                label="Ways to look at the logs"
                tabs={[
                  { id: "search", label: "Search", view: () => <SearchView groups={groups} pattern={get("q") ?? ""} time={time} /> },
                  { id: "tail", label: "Live tail", view: () => <TailView groups={groups} pattern={get("q") ?? ""} /> },
                  { id: "insights", label: "Insights query", view: () => <InsightsView groups={groups} time={time} /> },
                ]}
              />
            </>
          )
        }
      </Loaded>
    </main>
  );
}

/** Every log group, to begin with. */
function GroupTable({ groups, isCut, onChoose }: { groups: readonly Logs.LogGroup[]; isCut: boolean; onChoose: (name: string) => void }) {
  const [get] = useQueryState();
  const text = get("name") ?? "";
  const shown = useMemo(() => groups.filter((group) => (group.logGroupName ?? "").toLowerCase().includes(text.trim().toLowerCase())), [groups, text]);
  const columns = useMemo<Column<Logs.LogGroup>[]>(
    () => [
      {
        id: "name",
        title: "Log group",
        width: "minmax(0, 2fr)",
        cell: (group) => (
          <button type="button" className="link strong mono" onClick={() => onChoose(group.logGroupName ?? "")}>
            {group.logGroupName}
          </button>
        ),
      },
      { id: "bytes", title: "Stored", width: "96px", isNumber: true, cell: (group) => bytesText(group.storedBytes ?? 0) },
      { id: "kept", title: "Kept", width: "96px", isMinor: true, cell: (group) => (group.retentionInDays ? `${group.retentionInDays} days` : "for good") },
      { id: "filters", title: "Metric filters", width: "110px", isMinor: true, isNumber: true, cell: (group) => group.metricFilterCount || "" },
      { id: "created", title: "Created", width: "96px", isMinor: true, cell: (group) => (group.creationTime ? <Time at={group.creationTime} /> : "") },
    ],
    [onChoose],
  );
  if (groups.length === 0) {
    return (
      <Empty title="No log groups yet" icon="log">
        <p>What a function writes with console.log or print is in /aws/lambda/NAME from its first line on. A state machine logs where its loggingConfiguration says.</p>
        <CommandLine line={followLine(window.location.origin, "MyFunction")} />
      </Empty>
    );
  }
  return (
    <>
      <div className="filters">
        <SearchField label="Search log groups by name" placeholder="Search by name" name="name" />
      </div>
      {shown.length === 0 ? (
        <Empty title="No log group has this name" icon="search" />
      ) : (
        <Rows label="Log groups" rows={shown} columns={columns} keyOf={(group) => group.logGroupName ?? ""} onOpen={(group) => onChoose(group.logGroupName ?? "")} />
      )}
      <p className="foot quiet" role="status">
        {shown.length.toLocaleString("en")} of {groups.length.toLocaleString("en")} log groups{isCut ? "; there are more, which are not listed" : ""}
      </p>
    </>
  );
}

/** Entries of the picker that are drawn. */
const PICKED_MAX = 200;

/** The groups that are looked at, and more of them. */
function GroupPicker({ groups, chosen, onChoose }: { groups: readonly Logs.LogGroup[]; chosen: readonly string[]; onChoose: (names: readonly string[]) => void }) {
  const [text, setText] = useState("");
  const names = useMemo(() => groups.map((group) => group.logGroupName ?? "").filter((name) => name.toLowerCase().includes(text.toLowerCase())), [groups, text]);
  const isFull = chosen.length >= GROUPS_MAX;
  return (
    <div className="field-line">
      <details
        className="picker"
        onBlur={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget)) event.currentTarget.open = false;
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.currentTarget.open = false;
          event.currentTarget.querySelector("summary")?.focus();
        }}
      >
        <summary className="button">
          <Icon name="plus" size={13} /> Log groups
        </summary>
        <div className="picker-window" tabIndex={-1}>
          <label className="wide-field">
            <Icon name="search" size={14} />
            <input type="search" aria-label="Find a log group" placeholder="Find a log group" value={text} onChange={(event) => setText(event.target.value)} />
          </label>
          <div className="picker-list" role="group" aria-label="Log groups to look at">
            {names.slice(0, PICKED_MAX).map((name) => {
              const isChosen = chosen.includes(name);
              return (
                <label key={name}>
                  <input
                    type="checkbox"
                    checked={isChosen}
                    disabled={!isChosen && isFull}
                    onChange={() => onChoose(isChosen ? chosen.filter((one) => one !== name) : [...chosen, name])}
                  />
                  <span className="mono">{name}</span>
                </label>
              );
            })}
            {names.length === 0 && <p className="quiet">No log group has this name.</p>}
            {names.length > PICKED_MAX && <p className="quiet">{(names.length - PICKED_MAX).toLocaleString("en")} more; type a part of the name.</p>}
          </div>
          {isFull && <p className="quiet">At most {GROUPS_MAX} at one time.</p>}
        </div>
      </details>
      <div className="chips" role="list" aria-label="Log groups that are looked at">
        {chosen.map((name) => (
          <span key={name} className="chip mono" role="listitem">
            {name}
            <button type="button" className="icon-button" aria-label={`Leave ${name} out`} onClick={() => onChoose(chosen.filter((one) => one !== name))}>
              <Icon name="cross" size={10} />
            </button>
          </span>
        ))}
      </div>
    </div>
  );
}

/** A filter pattern. */
function PatternField(props: { pattern: string; error: string | null; onChange: (pattern: string) => void; children?: ReactNode }) {
  const { pattern, ...rest } = props;
  const placeholder = 'ERROR   "card declined"   ?timeout ?refused   { $.level = "ERROR" && $.ms > 100 }   %[45]\\d\\d%';
  return <FilterField label="Filter pattern" placeholder={placeholder} filter={pattern} {...rest} />;
}

/** The server refuses a pattern as it does any parameter; the others are right. */
const isPatternError = (error: unknown, pattern: string): boolean => pattern !== "" && error instanceof ApiError && error.code === "InvalidParameterException";

/** Lines that are enough to begin with. */
const ENOUGH_LINES = 50;

function SearchView({ groups, pattern, time }: { groups: readonly string[]; pattern: string; time: ChosenTime }) {
  const [, set] = useQueryState();
  const search = useInfiniteQuery(logSearchQuery({ groups, pattern, from: time.from, to: time.to }));
  const pages = search.data?.pages;
  const lines = useMemo(() => pages?.flatMap((page) => page.items) ?? [], [pages]);
  const { isReadOn, onEnd } = useReadOn(search, lines.length, ENOUGH_LINES);
  const error = search.error;
  const isRead = pages !== undefined && !isReadOn;
  const isCut = pages?.some((page) => page.isCut) ?? false;
  return (
    <>
      <PatternField pattern={pattern} error={isPatternError(error, pattern) ? (error?.message ?? "") : null} onChange={(q) => set({ q })}>
        <CopyButton text={logsLine(window.location.origin, groups[0] ?? "", pattern, time.from, time.to)} label="Copy as a line for the AWS CLI">
          CLI
        </CopyButton>
      </PatternField>
      <div className="tail-bar">
        <span className="quiet" role="status">
          {error
            ? ""
            : isRead
              ? `${lines.length.toLocaleString("en")} ${lines.length === 1 ? "line" : "lines"}, newest first${search.hasNextPage ? "; older ones come as you scroll" : `: all of ${rangeText(time.range)}`}${isCut ? "; instants with more than 10,000 lines are cut" : ""}`
              : "Searching"}
        </span>
      </div>
      {error && !isPatternError(error, pattern) && <ErrorNote error={error} onRetry={() => void search.refetch()} />}
      {!isRead && !error && lines.length === 0 && <Waiting what="lines" />}
      {isRead && lines.length === 0 && !error && <NoLines groups={groups} pattern={pattern} time={time} />}
      {lines.length > 0 && (
        <LogLines lines={lines} label="Lines" showsGroup={groups.length > 1} onEnd={onEnd} />
      )}
    </>
  );
}

function NoLines({ groups, pattern, time }: { groups: readonly string[]; pattern: string; time: ChosenTime }) {
  const name = functionOfGroup(groups[0] ?? "") ?? groups[0] ?? "";
  return (
    <Empty title={pattern ? "No line passes the pattern" : "No lines in this time"} icon="search">
      <p>
        {pattern ? "Words are found in their case; what has other characters than letters and digits stands in quotes. " : ""}
        This is {rangeText(time.range)}.
      </p>
      <div className="actions">
        {time.range.kind === "relative" && time.range.ms < 7 * 86_400_000 && (
          <button type="button" className="button" onClick={() => time.set({ kind: "relative", key: "7d", ms: 7 * 86_400_000 })}>
            Look at the last 7 days
          </button>
        )}
      </div>
      {!pattern && <CommandLine line={followLine(window.location.origin, name)} />}
    </Empty>
  );
}

function TailView({ groups, pattern }: { groups: readonly string[]; pattern: string }) {
  const [, set] = useQueryState();
  const [hold, setHold] = useState(NOTHING_HELD);
  const tail = useLiveTail(groups, pattern, true);
  const asked = groups.join(",");
  // Another tail begins without lines.
  useEffect(() => setHold(cleared), [asked, pattern]);
  const { isPaused } = hold;
  const { shown, waiting } = seen(hold, tail.lines);
  const clear = (): void => {
    tail.clear();
    setHold(cleared);
  };
  const state = { off: "Off", connecting: "Connecting", live: "Live", lost: "The stream is away; trying again", hidden: "Quiet: the tab is not seen" }[tail.state];
  return (
    <>
      <PatternField pattern={pattern} error={tail.error ? tail.error.message : null} onChange={(q) => set({ q })} />
      <div className="tail-bar">
        <span className={`live live-${tail.state === "live" ? "live" : "lost"}`} role="status" aria-label="Live tail">
          <span className="live-dot" aria-hidden="true" />
          <span className="tail-state">{state}</span>
        </span>
        <button type="button" className="button" aria-pressed={isPaused} onClick={() => setHold(paused(hold, !isPaused, tail.lines))}>
          <Icon name={isPaused ? "play" : "pause"} size={13} /> {isPaused ? "Go on" : "Pause"}
        </button>
        <button type="button" className="button" onClick={clear} disabled={tail.lines.length === 0}>
          Clear
        </button>
        <span className="quiet">
          {tail.lines.length.toLocaleString("en")} lines, newest first
          {waiting > 0 ? `; ${waiting.toLocaleString("en")} more wait` : ""}
          {tail.dropped > 0 ? `; ${tail.dropped.toLocaleString("en")} older ones were dropped, ${TAIL_LINES_MAX.toLocaleString("en")} are kept` : ""}
          {tail.isSampled ? "; a sample, more came than is sent" : ""}
          {tail.gaps > 0 ? "; what came while nobody listened is in the search" : ""}
        </span>
      </div>
      {tail.lines.length === 0 && !tail.error ? (
        <Empty title={tail.state === "live" ? "Listening" : "Not listening yet"} icon="log">
          <p>What {groups.length === 1 ? groups[0] : `these ${groups.length} groups`} log from now on comes here{pattern ? ", if it passes the pattern" : ""}. The same in a terminal:</p>
          <CommandLine line={followLine(window.location.origin, functionOfGroup(groups[0] ?? "") ?? groups[0] ?? "")} />
        </Empty>
      ) : (
        <LogLines lines={shown} label="Lines as they come" showsGroup={groups.length > 1} onAtTop={(isAtTop) => setHold(scrolled(hold, isAtTop, tail.lines))} />
      )}
    </>
  );
}
