import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { ApiError, cloudwatch } from "../../api/call";
import { dashboardChanged, dashboardsQuery } from "../../api/metrics";
import { dashboardPath } from "../../model/arn";
import { withGraph } from "../../model/dashboard";
import type { Graphed } from "../../model/metrics";
import { Dialog } from "../../ui/Dialog";
import { ErrorNote } from "../../ui/parts";

const EMPTY = JSON.stringify({ widgets: [] });

/** Puts a graph at the end of a dashboard, which is made if there is none of the name. */
export function AddToDashboard({ graph, onClose }: { graph: { readonly graphed: readonly Graphed[]; readonly stat: string; readonly period: number; readonly isStacked: boolean }; onClose: () => void }) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const known = useQuery(dashboardsQuery).data ?? [];
  const [name, setName] = useState("");
  const [title, setTitle] = useState("");
  const put = useMutation({
    mutationFn: async () => {
      const before = await cloudwatch("GetDashboard", { DashboardName: name }).then(
        (reply) => reply.DashboardBody ?? EMPTY,
        (error: unknown) => {
          if (error instanceof ApiError && /NotFound/.test(error.code)) return EMPTY;
          throw error;
        },
      );
      await cloudwatch("PutDashboard", { DashboardName: name, DashboardBody: withGraph(before, { ...graph, title }) });
    },
    onSuccess: () => {
      dashboardChanged(client, name);
      navigate(dashboardPath(name));
    },
  });
  return (
    <Dialog title="Add to a dashboard" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          put.mutate();
        }}
      >
        <label>
          Dashboard
          <input data-first type="text" list="known-dashboards" required pattern="[A-Za-z0-9_\-]{1,255}" title="Letters, digits, - and _" placeholder="One that there is, or a new name" value={name} onChange={(event) => setName(event.target.value)} />
          <datalist id="known-dashboards">
            {known.map((one) => (
              <option key={one.DashboardName} value={one.DashboardName} />
            ))}
          </datalist>
        </label>
        <label>
          Title of the graph
          <input type="text" value={title} onChange={(event) => setTitle(event.target.value)} />
        </label>
        {put.error && <ErrorNote error={put.error} />}
        <div className="actions">
          <span className="space" />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button is-main" disabled={put.isPending || name === ""}>
            Add
          </button>
        </div>
      </form>
    </Dialog>
  );
}
