import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { cloudwatch } from "../../api/call";
import type { CloudWatch } from "../../api/generated";
import { dashboardChanged, dashboardsQuery } from "../../api/metrics";
import { dashboardPath } from "../../model/arn";
import { SAMPLE_DASHBOARD } from "../../model/dashboard";
import { bytesText } from "../../model/numbers";
import { Dialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Loaded } from "../../ui/Loaded";
import { Empty, ErrorNote, Time, useTitle } from "../../ui/parts";
import { Rows } from "../../ui/Rows";
import type { Column } from "../../ui/Rows";
import { SearchField } from "../../ui/SearchField";
import { useQueryState } from "../../ui/useQueryState";
import "../../styles/logs.css";

/** Every dashboard. */
export default function DashboardsPage() {
  useTitle("Dashboards");
  const found = useQuery(dashboardsQuery);
  const [isMaking, setMaking] = useState(false);
  return (
    <main className="page">
      <div className="page-head">
        <h1>Dashboards</h1>
        <button type="button" className="button is-main" onClick={() => setMaking(true)}>
          <Icon name="plus" size={13} /> New dashboard
        </button>
      </div>
      <Loaded query={found} what="dashboards">
        {(entries) => (entries.length === 0 ? <NoDashboards /> : <List entries={entries} />)}
      </Loaded>
      {isMaking && <New onClose={() => setMaking(false)} />}
    </main>
  );
}

function List({ entries }: { entries: readonly CloudWatch.DashboardEntry[] }) {
  const [get] = useQueryState();
  const [, navigate] = useLocation();
  const text = (get("q") ?? "").trim().toLowerCase();
  const shown = useMemo(() => entries.filter((one) => (one.DashboardName ?? "").toLowerCase().includes(text)), [entries, text]);
  return (
    <>
      <div className="filters">
        <SearchField label="Search dashboards" placeholder="Search by name" />
      </div>
      {shown.length === 0 ? (
        <Empty title="No dashboard has this name" icon="search" />
      ) : (
        <Rows label="Dashboards" rows={shown} columns={COLUMNS} keyOf={(one) => one.DashboardName ?? ""} onOpen={(one) => navigate(dashboardPath(one.DashboardName ?? ""))} />
      )}
    </>
  );
}

const COLUMNS: readonly Column<CloudWatch.DashboardEntry>[] = [
  {
    id: "name",
    title: "Name",
    width: "minmax(0, 1fr)",
    cell: (one) => (
      <Link className="strong" href={dashboardPath(one.DashboardName ?? "")}>
        {one.DashboardName}
      </Link>
    ),
  },
  { id: "size", title: "Size", width: "90px", isNumber: true, isMinor: true, cell: (one) => bytesText(one.Size ?? 0) },
  { id: "changed", title: "Changed", width: "100px", cell: (one) => (one.LastModified ? <Time at={one.LastModified * 1_000} /> : "") },
];

function NoDashboards() {
  const put = usePut();
  return (
    <Empty title="No dashboards yet" icon="dashboard">
      <p>A dashboard has graphs, texts, alarms and queries of logs beside each other. Make one here, in the template (AWS::CloudWatch::Dashboard), or from a graph of the metrics explorer.</p>
      <div className="actions">
        <button type="button" className="button is-main" disabled={put.isPending} onClick={() => put.mutate({ name: "overview", body: SAMPLE_DASHBOARD })}>
          Create one of everything that runs
        </button>
        <Link className="button" href="/metrics">
          Open the metrics explorer
        </Link>
      </div>
      {put.error && <ErrorNote error={put.error} />}
    </Empty>
  );
}

function usePut() {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  return useMutation({
    mutationFn: ({ name, body }: { name: string; body: string }) => cloudwatch("PutDashboard", { DashboardName: name, DashboardBody: body }),
    onSuccess: (_, { name }) => {
      dashboardChanged(client, name);
      navigate(dashboardPath(name));
    },
  });
}

function New({ onClose }: { onClose: () => void }) {
  const known = useQuery(dashboardsQuery).data ?? [];
  const [name, setName] = useState("");
  const put = usePut();
  const isTaken = known.some((one) => one.DashboardName === name);
  return (
    <Dialog title="New dashboard" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isTaken) put.mutate({ name, body: SAMPLE_DASHBOARD });
        }}
      >
        <label>
          Name
          <input data-first type="text" required pattern="[A-Za-z0-9_\-]{1,255}" title="Letters, digits, - and _" value={name} onChange={(event) => setName(event.target.value)} />
        </label>
        {isTaken && <p className="field-error">There is a dashboard of this name.</p>}
        <p className="quiet">It begins with graphs of every state machine and function.</p>
        {put.error && <ErrorNote error={put.error} />}
        <div className="actions">
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button is-main" disabled={put.isPending || name === "" || isTaken}>
            Create
          </button>
        </div>
      </form>
    </Dialog>
  );
}
