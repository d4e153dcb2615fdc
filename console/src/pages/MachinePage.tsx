import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { Link } from "wouter";
import type { States } from "../api/generated";
import { machineQuery, versionsQuery } from "../api/queries";
import { editorPath, machinePath, nameOf, qualifierOf, withQuery } from "../model/arn";
import { followLine, SAM_LOGGING, startAndFollowLine } from "../model/commands";
import { readDefinition } from "../model/definition";
import type { StateNode } from "../model/definition";
import { laidOut } from "../model/json";
import { ExportMenu } from "../ui/ExportMenu";
import { Icon } from "../ui/Icon";
import { Json } from "../ui/Json";
import { Loaded, LoadedPage } from "../ui/Loaded";
import { Arn, CommandLine, Crumbs, Empty, Fact, Time, useTitle, Waiting } from "../ui/parts";
import { StartDialog } from "../ui/StartDialog";
import { TabbedView } from "../ui/TabbedView";
import { useKey } from "../ui/useKey";
import { useQueryState } from "../ui/useQueryState";
import { SearchList } from "./executions/SearchList";

const FunctionLogs = lazy(() => import("./functions/FunctionLogs"));
const FailureGroups = lazy(() => import("./executions/FailureGroups"));
const MachineMetrics = lazy(() => import("./machine/MachineMetrics"));
const GraphView = lazy(() => import("../ui/GraphView"));
const CodeView = lazy(() => import("../ui/CodeView"));
const CompareView = lazy(() => import("./machine/CompareView"));

export function MachinePage({ arn }: { arn: string }) {
  const name = nameOf(arn);
  useTitle(name);
  const found = useQuery(machineQuery(arn));
  return (
    <LoadedPage query={found} title={name} what="the state machine">
      {(machine) => <Shown machine={machine} />}
    </LoadedPage>
  );
}

function Shown({ machine }: { machine: States.DescribeStateMachineOutput }) {
  const arn = machine.stateMachineArn;
  const name = nameOf(arn);
  const versions = useQuery(versionsQuery(arn));
  const [isStarting, setStarting] = useState(false);
  useKey("n", () => setStarting(true));
  const graph = useMemo(() => readDefinition(machine.definition), [machine.definition]);
  const isExpress = machine.type === "EXPRESS";
  const level = machine.loggingConfiguration?.level ?? "OFF";
  const group = groupOf(machine.loggingConfiguration);
  const count = versions.data ? versions.data.versions.length + versions.data.aliases.length : undefined;
  return (
    <>
      <Crumbs above={[["/machines", "State machines"]]} here={name} />
      <div className="page-head">
        <h1>{name}</h1>
        <div className="actions">
          <Link href={editorPath(arn)} className="button">
            <Icon name="pencil" size={13} /> Edit
          </Link>
          <ExportMenu name={name} text={machine.definition} graph={graph} />
          <button type="button" className="button is-main" onClick={() => setStarting(true)} title="Start an execution (n)">
            <Icon name="play" size={13} /> Start execution
          </button>
        </div>
      </div>
      <dl className="facts">
        <Fact name="Type">{isExpress ? "Express" : "Standard"}</Fact>
        <Fact name="Created"><Time at={machine.creationDate * 1000} /></Fact>
        <Fact name="Logging">{group === undefined ? level : <Link href={withQuery("/logs", { groups: group })}>{level}</Link>}</Fact>
        <Fact name="Tracing">{machine.tracingConfiguration?.enabled ? "on" : "off"}</Fact>
        <Fact name="ARN"><Arn arn={arn} /></Fact>
      </dl>
      <TabbedView
        label="Views of the state machine"
        tabs={[
          { id: "executions", label: "Executions", view: () => (isExpress ? <ExpressExecutions arn={arn} level={level} group={group} /> : <Executions arn={arn} />) },
          ...(isExpress ? [] : [{ id: "failures", label: "Failures by cause", view: () => <FailureGroups machineArn={arn} /> }]),
          { id: "definition", label: "Definition", view: () => <Definition text={machine.definition} /> },
          { id: "metrics", label: "Metrics", view: () => <MachineMetrics arn={arn} /> },
          { id: "versions", label: "Versions and aliases", count, view: () => <Versions arn={arn} /> },
          { id: "compare", label: "Compare", view: () => <CompareView arn={arn} /> },
        ]}
      />
      {isStarting && <StartDialog machineArn={arn} isExpress={isExpress} input="{}" onClose={() => setStarting(false)} />}
    </>
  );
}

/** AWS lists Standard executions only: what is known of the others is in their log. */
function ExpressExecutions({ arn, level, group }: { arn: string; level: string; group: string | undefined }) {
  if (group === undefined || level === "OFF") {
    return (
      <Empty title="Express executions are in the logs">
        <p>AWS lists Standard executions only. With logging on, what an Express execution did is in its log group; in SAM:</p>
        <CommandLine line={SAM_LOGGING} />
        <p>Then it is shown here, and in a terminal:</p>
        <CommandLine line={followLine(window.location.origin, nameOf(arn))} />
      </Empty>
    );
  }
  return (
    <>
      <p className="quiet">AWS lists Standard executions only. This is what Express ones log, at level {level}:</p>
      <FunctionLogs group={group} absent="is not there" />
    </>
  );
}

function Executions({ arn }: { arn: string }) {
  return (
    <SearchList
      machineArn={arn}
      none={
        <Empty title="No executions yet" icon="list">
          <p>Start one with the button above, or in a terminal:</p>
          <CommandLine line={startAndFollowLine(window.location.origin, nameOf(arn))} />
        </Empty>
      }
    />
  );
}

/** Graph and text side by side; what is chosen in one is shown in the other. */
function Definition({ text }: { text: string }) {
  const [get, set] = useQueryState();
  const lines = useMemo(() => laidOut(text), [text]);
  const graph = useMemo(() => readDefinition(text), [text]);
  const chosen = get("state");
  const state = graph?.states.find((state) => state.name === chosen);
  if (graph === null) return <Json text={text} label="the definition" />;
  // The innermost state around what was clicked.
  const at = (pointer: string): StateNode | undefined =>
    graph.states
      .filter((state) => pointer === state.pointer || pointer.startsWith(`${state.pointer}/`))
      .toSorted((a, b) => b.pointer.length - a.pointer.length)[0];
  return (
    <div className="beside">
      <Suspense fallback={<Waiting what="the graph" />}>
        <GraphView graph={graph} chosen={chosen} onChoose={(name) => set({ state: name })} />
      </Suspense>
      <Suspense fallback={<Waiting what="the definition" />}>
        <CodeView
          text={lines}
          label="Definition"
          chosen={state?.pointer ?? null}
          onChoose={(pointer) => set({ state: at(pointer)?.name ?? null })}
        />
      </Suspense>
    </div>
  );
}

function Versions({ arn }: { arn: string }) {
  const found = useQuery(versionsQuery(arn));
  return (
    <Loaded query={found} what="versions">
      {(data) => <Published {...data} />}
    </Loaded>
  );
}

function Published({ versions, aliases }: { versions: readonly States.StateMachineVersionListItem[]; aliases: readonly States.DescribeStateMachineAliasOutput[] }) {
  if (versions.length === 0 && aliases.length === 0) {
    return (
      <Empty title="No versions and no aliases">
        <p>A version keeps a definition as it is; an alias sends executions to one or two versions, by weight.</p>
      </Empty>
    );
  }
  return (
    <div className="columns">
      <section>
        <h2>Versions</h2>
        <ul className="plain-list">
          {versions.map((version) => (
            <li key={version.stateMachineVersionArn}>
              <strong>{qualifierOf(version.stateMachineVersionArn)}</strong>
              <Time at={version.creationDate * 1000} />
              <Arn arn={version.stateMachineVersionArn} />
              <Link href={comparePath(version.stateMachineVersionArn)}>compare with the current revision</Link>
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h2>Aliases</h2>
        <ul className="plain-list">
          {aliases.map((alias) => (
            <li key={alias.stateMachineAliasArn}>
              <strong>{alias.name}</strong>
              <span className="weights">
                {(alias.routingConfiguration ?? []).map((route) => (
                  <span key={route.stateMachineVersionArn} className="weight">
                    <meter min={0} max={100} value={route.weight} aria-label={`Weight of version ${qualifierOf(route.stateMachineVersionArn)}`} />
                    {route.weight} % to version {qualifierOf(route.stateMachineVersionArn)}
                  </span>
                ))}
              </span>
              {alias.stateMachineAliasArn && <Arn arn={alias.stateMachineAliasArn} />}
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

/** The log group that it logs to: AWS takes one. Its ARN is `arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`. */
const groupOf = (logging: States.LoggingConfiguration | undefined): string | undefined => logging?.destinations?.[0]?.cloudWatchLogsLogGroup?.logGroupArn?.split(":")[6];

/** The comparison of a version with what its state machine has now. */
function comparePath(versionArn: string): string {
  const from = qualifierOf(versionArn);
  return withQuery(machinePath(versionArn.slice(0, -from.length - 1)), { view: "compare", from, to: "current" });
}
