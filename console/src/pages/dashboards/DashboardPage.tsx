import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { CSSProperties } from "react";
import { Link, useLocation } from "wouter";
import { ApiError, cloudwatch } from "../../api/call";
import { dashboardChanged, dashboardQuery } from "../../api/metrics";
import { readDashboard } from "../../model/dashboard";
import type { Widget } from "../../model/dashboard";
import { laidOut, notJson } from "../../model/json";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { CopyButton, Crumbs, Empty, ErrorNote, useTitle, Waiting } from "../../ui/parts";
import { TimeRangePicker, useLiveRange, useTimeRange } from "../../ui/TimeRange";
import type { ChosenTime } from "../../ui/TimeRange";
import { WidgetView } from "./WidgetView";
import "../../styles/dashboards.css";

/** How often what a dashboard shows moves on. */
const LIVE_MS = 15_000;

/** The widgets of a dashboard, where its body puts them. */
export default function DashboardPage({ name }: { name: string }) {
  useTitle(name);
  const found = useQuery(dashboardQuery(name));
  return (
    <main className="page">
      <Crumbs above={[["/dashboards", "Dashboards"]]} here={name} />
      {found.data === undefined ? (
        <>
          <h1>{name}</h1>
          {found.error ? <ErrorNote error={found.error} onRetry={() => void found.refetch()} /> : <Waiting what="the dashboard" />}
        </>
      ) : (
        <Found name={name} body={found.data} />
      )}
    </main>
  );
}

function Found({ name, body }: { name: string; body: string }) {
  const dashboard = useMemo(() => readDashboard(body), [body]);
  const time = useTimeRange(dashboard.range ?? "3h");
  const [shows, setShows] = useState<"source" | "delete" | null>(null);
  useLiveRange(time.refresh, time.range.kind === "relative", LIVE_MS);
  return (
    <>
      <div className="page-head">
        <h1>{name}</h1>
        <div className="actions">
          <TimeRangePicker time={time} />
          <button type="button" className="button" onClick={() => setShows("source")}>
            <Icon name="pencil" size={13} /> Edit source
          </button>
          <CopyButton text={body} label="Copy the body of the dashboard">
            JSON
          </CopyButton>
          <button type="button" className="button is-danger" onClick={() => setShows("delete")}>
            Delete
          </button>
        </div>
      </div>
      {dashboard.problem !== null ? (
        <ErrorNote error={new Error(dashboard.problem)} />
      ) : dashboard.widgets.length === 0 ? (
        <Empty title="No widgets yet" icon="dashboard">
          <p>
            <Link href="/metrics">The metrics explorer</Link> adds a graph to it, and Edit source anything else.
          </p>
        </Empty>
      ) : (
        <Grid widgets={dashboard.widgets} time={time} />
      )}
      {shows === "source" && <Source name={name} body={body} onClose={() => setShows(null)} />}
      {shows === "delete" && <Delete name={name} onClose={() => setShows(null)} />}
    </>
  );
}

function Grid({ widgets, time }: { widgets: readonly Widget[]; time: ChosenTime }) {
  // On a phone they stand below each other, in the order in which they are read.
  const ordered = useMemo(() => widgets.toSorted((a, b) => a.y - b.y || a.x - b.x), [widgets]);
  return (
    <div className="dashboard">
      {ordered.map((widget) => {
        const style = { "--x": widget.x + 1, "--y": widget.y + 1, "--width": widget.width, "--height": widget.height } as CSSProperties;
        return (
          <section key={widget.id} className={`widget widget-${widget.kind}`} style={style} aria-label={widget.title || `Widget ${widget.id + 1}`}>
            {widget.title && <h2>{widget.title}</h2>}
            <WidgetView widget={widget} time={time} />
          </section>
        );
      })}
    </div>
  );
}

interface Message {
  readonly DataPath?: string;
  readonly Message?: string;
}

function Source({ name, body, onClose }: { name: string; body: string; onClose: () => void }) {
  const client = useQueryClient();
  const [text, setText] = useState(() => laidOut(body));
  const put = useMutation({
    mutationFn: () => cloudwatch("PutDashboard", { DashboardName: name, DashboardBody: text }),
    onSuccess: (reply) => {
      dashboardChanged(client, name);
      if (!reply.DashboardValidationMessages?.length) onClose();
    },
  });
  const problem = notJson(text);
  const refused = put.error instanceof ApiError ? put.error.body["dashboardValidationMessages"] : undefined;
  const messages = (Array.isArray(refused) ? refused : (put.data?.DashboardValidationMessages ?? [])) as readonly Message[];
  return (
    <Dialog title={`Source of ${name}`} onClose={onClose} className="wide-dialog">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          put.mutate();
        }}
      >
        <label>
          Body of the dashboard
          <textarea data-first rows={24} spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
        </label>
        {problem && <p className="field-error">{problem}</p>}
        {put.error && <ErrorNote error={put.error} />}
        {messages.length > 0 && (
          <div role="status">
            {put.data && <p>It is saved, and this was said about it:</p>}
            <ul className="plain-list">
              {messages.map((message, index) => (
                <li key={index}>
                  <code>{message.DataPath}</code> {message.Message}
                </li>
              ))}
            </ul>
          </div>
        )}
        <div className="actions">
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            {put.data ? "Close" : "Cancel"}
          </button>
          <button type="submit" className="button is-main" disabled={put.isPending || problem !== null}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Delete({ name, onClose }: { name: string; onClose: () => void }) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const run = useMutation({
    mutationFn: () => cloudwatch("DeleteDashboards", { DashboardNames: [name] }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["dashboards"] });
      navigate("/dashboards");
    },
  });
  return (
    <Dialog title={`Delete ${name}?`} onClose={onClose}>
      <p>Its body is gone then; a stack that has it puts it there again.</p>
      {run.error && <ErrorNote error={run.error} />}
      <div className="actions">
        <span className="space" />
        <button type="button" className="button" data-first onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button is-danger" disabled={run.isPending} onClick={() => run.mutate()}>
          Delete
        </button>
      </div>
    </Dialog>
  );
}
