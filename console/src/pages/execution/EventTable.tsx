import { useMemo } from "react";
import { eventSummary } from "../../model/dataFlow";
import { instantOf } from "../../model/history";
import type { HistoryEvent, Run } from "../../model/history";
import { clockText, durationText } from "../../model/time";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { useQueryState } from "../../ui/useQueryState";
import { SearchField } from "../../ui/SearchField";

const tone = (type: string): string =>
  /Failed|TimedOut|Aborted/.test(type) ? "tone-bad" : type.endsWith("Succeeded") ? "tone-good" : "";

/** Every event of a history; 25,000 of them scroll as 25 do. */
export function EventTable(props: {
  events: readonly HistoryEvent[];
  run: Run;
  chosen: number | null;
  onChoose: (event: HistoryEvent) => void;
}) {
  const { events, run, chosen, onChoose } = props;
  const [get] = useQueryState();
  const wanted = (get("q") ?? "").toLowerCase();
  const shown = useMemo(
    () =>
      wanted === ""
        ? events
        : events.filter((event) => {
            const visit = run.visitOfEvent.get(event.id);
            const name = visit === undefined ? "" : (run.visits[visit]?.name ?? "");
            return `${event.type} ${name} ${eventSummary(event)}`.toLowerCase().includes(wanted);
          }),
    [events, run, wanted],
  );
  const columns = useMemo<Column<HistoryEvent>[]>(() => {
    const from = run.startedAt ?? 0;
    return [
      { id: "id", title: "Id", width: "52px", isNumber: true, cell: (event) => event.id },
      {
        id: "type",
        title: "Type",
        width: "minmax(0, 1.3fr)",
        cell: (event) => <span className={tone(event.type)}>{event.type}</span>,
      },
      {
        id: "state",
        title: "State",
        width: "minmax(0, 1fr)",
        cell: (event) => {
          const visit = run.visitOfEvent.get(event.id);
          return visit === undefined ? "" : run.visits[visit]?.name;
        },
      },
      { id: "about", title: "About", width: "minmax(0, 1.6fr)", isMinor: true, cell: (event) => <span className="quiet">{eventSummary(event)}</span> },
      { id: "after", title: "After", width: "86px", isNumber: true, cell: (event) => durationText(instantOf(event) - from) },
      { id: "at", title: "At", width: "112px", isMinor: true, isNumber: true, cell: (event) => clockText(instantOf(event)) },
    ];
  }, [run]);
  return (
    <>
      <div className="filters">
        <SearchField label="Search events" placeholder="Type, state, error" />
        {wanted !== "" && <span className="quiet" role="status">{shown.length.toLocaleString("en")} of {events.length.toLocaleString("en")}</span>}
      </div>
      <Rows
        label="Events"
        rows={shown}
        columns={columns}
        rowHeight={30}
        keyOf={(one) => one.id}
        onOpen={onChoose}
        chosen={chosen}
        total={events.length}
      />
    </>
  );
}
