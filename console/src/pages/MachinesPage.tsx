import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { callerAccount, states, toldBy } from "../api/call";
import { latestQuery, machinesQuery } from "../api/queries";
import type { States } from "../api/generated";
import { usePolling } from "../live/LiveProvider";
import { executionPath, machinePath, withQuery } from "../model/arn";
import { EXECUTION_STATUSES, statusLook } from "../model/status";
import { Icon } from "../ui/Icon";
import { LoadedPage } from "../ui/Loaded";
import { CommandLine, Count, CutNote, Empty, ErrorNote, Time, useTitle } from "../ui/parts";
import { Rows } from "../ui/Rows";
import type { Column } from "../ui/Rows";
import { SearchField } from "../ui/SearchField";
import { useQueryState } from "../ui/useQueryState";
import { SAMPLE_DEFINITION, SAMPLE_INPUT, SAMPLE_NAME } from "./sample";

export function MachinesPage() {
  useTitle("State machines");
  const [, navigate] = useLocation();
  const [get] = useQueryState();
  const found = useQuery(machinesQuery);
  const wanted = (get("q") ?? "").toLowerCase();
  const machines = useMemo(
    () => (found.data?.items ?? []).filter((machine) => machine.name.toLowerCase().includes(wanted)),
    [found.data, wanted],
  );
  const columns = useMemo<Column<States.StateMachineListItem>[]>(
    () => [
      {
        id: "name",
        title: "Name",
        width: "minmax(0, 1.4fr)",
        cell: (machine) => (
          <Link className="strong" href={machinePath(machine.stateMachineArn)}>
            {machine.name}
          </Link>
        ),
      },
      { id: "type", title: "Type", width: "96px", isMinor: true, cell: (machine) => (machine.type === "EXPRESS" ? "Express" : "Standard") },
      {
        id: "latest",
        title: "Latest executions",
        width: "minmax(0, 2fr)",
        cell: (machine) => <Latest machine={machine} />,
      },
      { id: "created", title: "Created", width: "110px", isMinor: true, cell: (machine) => <Time at={machine.creationDate * 1000} /> },
    ],
    [],
  );
  return (
    <LoadedPage query={found} title="State machines" what="state machines">
      {({ items, isCut }) => (
        <>
          <div className="page-head">
            <h1>
              State machines <Count of={items.length} isCut={isCut} />
            </h1>
            <span className="space" />
            <Link href="/machines/new" className="button">
              <Icon name="plus" size={13} /> New state machine
            </Link>
            {items.length > 0 && <SearchField label="Search state machines by name" placeholder="Search by name" />}
          </div>
          {items.length === 0 ? (
            <FirstStart />
          ) : machines.length === 0 ? (
            <Empty title={`No state machine is called “${get("q")}”`} icon="search" />
          ) : (
            <Rows
              label="State machines"
              rows={machines}
              columns={columns}
              rowHeight={44}
              keyOf={(machine) => machine.stateMachineArn}
              onOpen={(machine) => navigate(machinePath(machine.stateMachineArn))}
            />
          )}
          {isCut && <CutNote count={items.length} what="state machines" />}
        </>
      )}
    </LoadedPage>
  );
}

/** How the latest executions of a state machine ended: a bar for each, newest on the right, and the numbers. */
function Latest({ machine }: { machine: States.StateMachineListItem }) {
  const isExpress = machine.type === "EXPRESS";
  const latest = useQuery({
    ...latestQuery(machine.stateMachineArn),
    enabled: !isExpress,
    refetchInterval: usePolling(!isExpress),
  });
  if (isExpress) return <span className="quiet">in its logs</span>;
  if (latest.error) {
    return (
      <span className="tone-bad" title={latest.error.message}>
        <Icon name="cross" size={12} /> {toldBy(latest.error).code}
      </span>
    );
  }
  if (!latest.data) return <span className="quiet">…</span>;
  const { executions } = latest.data;
  if (executions.length === 0) return <span className="quiet">none yet</span>;
  const counts = EXECUTION_STATUSES.map((status) => [status, executions.filter((one) => one.status === status).length] as const);
  return (
    <span className="latest">
      <span className="spark" aria-hidden="true">
        {executions
          .slice(0, 24)
          .reverse()
          .map((one) => (
            <i key={one.executionArn} className={`tone-${statusLook(one.status).tone}`} />
          ))}
      </span>
      {counts
        .filter(([, count]) => count > 0)
        .map(([status, count]) => (
          <Link
            key={status}
            className={`count-of tone-${statusLook(status).tone}`}
            href={withQuery("/executions", { machine: machine.stateMachineArn, status })}
            title={`${count}${latest.data.nextToken ? " of the latest 100" : ""} ${statusLook(status).text.toLowerCase()}`}
          >
            <Icon name={statusLook(status).sign} size={12} />
            {count}
            <span className="visually-hidden"> {statusLook(status).text}</span>
          </Link>
        ))}
    </span>
  );
}

/** What somebody sees who has just started a server. */
function FirstStart() {
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: async () => {
      const { stateMachineArn } = await states("CreateStateMachine", {
        name: SAMPLE_NAME,
        definition: SAMPLE_DEFINITION,
        roleArn: `arn:aws:iam::${await callerAccount()}:role/${SAMPLE_NAME}`,
      });
      return states("StartExecution", { stateMachineArn, input: SAMPLE_INPUT });
    },
    onSuccess: ({ executionArn }) => {
      void queries.invalidateQueries({ queryKey: ["machines"] });
      navigate(executionPath(executionArn));
    },
  });
  const [endpoint] = useState(() => window.location.origin);
  return (
    <Empty title="No state machines yet">
      <p>Begin with one that needs nothing else, and see it run:</p>
      <button type="button" className="button is-main" disabled={create.isPending} onClick={() => create.mutate()}>
        <Icon name="play" size={13} /> Create a sample and start it
      </button>
      {create.error && <ErrorNote error={create.error} />}
      <p>Or bring an application. In a directory with a template of SAM or CloudFormation:</p>
      <CommandLine line={`stepwell deploy . --endpoint ${endpoint}`} />
      <p>Or from any AWS SDK or tool, with this endpoint:</p>
      <CommandLine line={`aws stepfunctions list-state-machines --endpoint-url ${endpoint}`} />
    </Empty>
  );
}
