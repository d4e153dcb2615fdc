import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { CloudWatch } from "../../api/generated";
import { alarmHistoryQuery } from "../../api/metrics";
import { stateChange } from "../../model/alarms";
import { Choice } from "../../ui/Choice";
import { Dialog } from "../../ui/Dialog";
import { Json } from "../../ui/Json";
import { Loaded } from "../../ui/Loaded";
import { Fact, Time } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { useQueryState } from "../../ui/useQueryState";
import { useReadOn } from "../../ui/useReadOn";
import { AlarmPill } from "./parts";

const TYPES: readonly (readonly [type: CloudWatch.HistoryItemType, text: string])[] = [
  ["StateUpdate", "State"],
  ["Action", "Actions"],
  ["ConfigurationUpdate", "Configuration"],
];

interface Numbered {
  readonly item: CloudWatch.AlarmHistoryItem;
  readonly index: number;
}

/** What happened to an alarm, newest first. */
export function AlarmHistory({ name }: { name: string }) {
  const [get, set] = useQueryState();
  const type = TYPES.find(([one]) => one === get("history"))?.[0] ?? null;
  const [opened, setOpened] = useState<CloudWatch.AlarmHistoryItem | null>(null);
  const found = useInfiniteQuery(alarmHistoryQuery(name, type));
  const items = useMemo(() => found.data?.pages.flatMap((page) => page.AlarmHistoryItems ?? []).map((item, index) => ({ item, index })) ?? [], [found.data]);
  const { onEnd } = useReadOn(found, items.length, 0);
  return (
    <section className="log-search" aria-label="History">
      <div className="page-head">
        <h2>History</h2>
        <Choice label="Kind of items" options={[[null, "All"], ...TYPES]} chosen={type} onChoose={(history) => set({ history })} />
      </div>
      <Loaded query={found} what="the history">
        {() =>
          items.length === 0 ? (
            <p className="quiet">Nothing of this kind within the last 30 days.</p>
          ) : (
            <Rows
              label="History of the alarm"
              rows={items}
              columns={COLUMNS}
              rowHeight={32}
              keyOf={({ item, index }) => `${item.Timestamp} ${items.length - index}`}
              onOpen={({ item }) => setOpened(item)}
              onEnd={onEnd}
            />
          )
        }
      </Loaded>
      {opened && (
        <Dialog title={opened.HistorySummary ?? "Item of the history"} onClose={() => setOpened(null)}>
          <dl className="facts">
            <Fact name="At"><Time at={(opened.Timestamp ?? 0) * 1_000} isExact /></Fact>
            <Fact name="Kind">{opened.HistoryItemType}</Fact>
          </dl>
          <Json text={opened.HistoryData ?? "{}"} label="the data of the item" />
        </Dialog>
      )}
    </section>
  );
}

const COLUMNS: readonly Column<Numbered>[] = [
  {
    id: "at",
    title: "At",
    width: "182px",
    cell: ({ item }) => (
      <span className="number">
        <Time at={(item.Timestamp ?? 0) * 1_000} isExact />
      </span>
    ),
  },
  { id: "kind", title: "Kind", width: "110px", isMinor: true, cell: ({ item }) => TYPES.find(([type]) => type === item.HistoryItemType)?.[1] ?? item.HistoryItemType },
  {
    id: "summary",
    title: "What happened",
    width: "minmax(0, 1fr)",
    cell: ({ item }) => {
      const { to } = stateChange(item);
      return (
        <span className="history-what">
          {to && <AlarmPill state={to} />} <span>{item.HistorySummary}</span>
        </span>
      );
    },
  },
];
