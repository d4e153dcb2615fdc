import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Link } from "wouter";
import { machineQuery, versionsQuery } from "../api/queries";
import { editorPath, nameOf } from "../model/arn";
import { readDefinition } from "../model/definition";
import type { StateNode } from "../model/definition";
import { ExecutionList } from "../ui/ExecutionList";
import { ExportMenu } from "../ui/ExportMenu";
import { Icon } from "../ui/Icon";
import { Json, pretty } from "../ui/Json";
import { isTyping } from "../ui/keys";
import { Arn, Empty, ErrorNote, Fact, Tabs, Time, useTitle, Waiting } from "../ui/parts";
import { StartDialog } from "../ui/StartDialog";
import { useQueryState } from "../ui/useQueryState";

const GraphView = lazy(() => import("../ui/GraphView"));
const CodeView = lazy(() => import("../ui/CodeView"));

export function MachinePage({ arn }: { arn: string }) {
  const name = nameOf(arn);
  useTitle(name);
  const [get, set] = useQueryState();
  const found = useQuery(machineQuery(arn));
  const versions = useQuery(versionsQuery(arn));
  const [isStarting, setStarting] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "n" || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
      event.preventDefault();
      setStarting(true);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  const graph = useMemo(() => readDefinition(found.data?.definition ?? ""), [found.data?.definition]);
  const tab = get("view") ?? "executions";
  if (found.error) {
    return (
      <main className="page">
        <h1>{name}</h1>
        <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      </main>
    );
  }
  const machine = found.data;
  if (!machine) return <main className="page"><Waiting what="the state machine" /></main>;
  const count = versions.data ? versions.data.versions.length + versions.data.aliases.length : undefined;
  return (
    <main className="page">
      <nav className="crumbs" aria-label="Where this is">
        <Link href="/machines">State machines</Link>
        <Icon name="right" size={12} />
        <span aria-current="page">{name}</span>
      </nav>
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
        <Fact name="Type">{machine.type === "EXPRESS" ? "Express" : "Standard"}</Fact>
        <Fact name="Created"><Time at={machine.creationDate * 1000} /></Fact>
        <Fact name="Logging">{machine.loggingConfiguration?.level ?? "OFF"}</Fact>
        <Fact name="Tracing">{machine.tracingConfiguration?.enabled ? "on" : "off"}</Fact>
        <Fact name="ARN"><Arn arn={arn} /></Fact>
      </dl>
      <Tabs
        label="Views of the state machine"
        items={[
          { id: "executions", label: "Executions" },
          { id: "definition", label: "Definition" },
          { id: "versions", label: "Versions and aliases", count },
        ]}
        chosen={tab}
        onChoose={(view) => set({ view: view === "executions" ? null : view })}
      />
      <div id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        {tab === "executions" && <ExecutionList machineArn={arn} isExpress={machine.type === "EXPRESS"} />}
        {tab === "definition" && <Definition text={machine.definition} />}
        {tab === "versions" && <Versions arn={arn} />}
      </div>
      {isStarting && <StartDialog machineArn={arn} input="{}" onClose={() => setStarting(false)} />}
    </main>
  );
}

/** Graph and text side by side; what is chosen in one is shown in the other. */
function Definition({ text }: { text: string }) {
  const [get, set] = useQueryState();
  const laidOut = useMemo(() => pretty(text), [text]);
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
          text={laidOut}
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
  if (found.error) return <ErrorNote error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data) return <Waiting what="versions" />;
  const { versions, aliases } = found.data;
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
              <strong>{version.stateMachineVersionArn.split(":").pop()}</strong>
              <Time at={version.creationDate * 1000} />
              <Arn arn={version.stateMachineVersionArn} />
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
                    <meter min={0} max={100} value={route.weight} aria-label={`Weight of version ${route.stateMachineVersionArn.split(":").pop()}`} />
                    {route.weight} % to version {route.stateMachineVersionArn.split(":").pop()}
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
