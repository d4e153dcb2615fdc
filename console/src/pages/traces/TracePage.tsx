import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link } from "wouter";
import { traceQuery } from "../../api/traces";
import { executionPath, functionPath, machinePath, nameOf, withQuery } from "../../model/arn";
import { nameIn } from "../../model/calls";
import { traceLine } from "../../model/commands";
import { patternTerm } from "../../model/logLines";
import { durationText } from "../../model/time";
import { traceStart } from "../../model/trace";
import type { Trace, TraceException, TraceNode } from "../../model/trace";
import { Icon } from "../../ui/Icon";
import { Json } from "../../ui/Json";
import { Loaded } from "../../ui/Loaded";
import { CopyButton, Crumbs, Empty, Fact, Pair, Time, useTitle } from "../../ui/parts";
import { useQueryState } from "../../ui/useQueryState";
import { Waterfall } from "../../ui/Waterfall";
import { TracePill } from "./parts";

/** One trace over time, and what is known of each part of it. */
export default function TracePage({ id }: { id: string }) {
  const found = useQuery(traceQuery(id));
  const root = found.data?.nodes[0];
  useTitle(root ? `Trace of ${root.name}` : "Trace");
  return (
    <main className="page">
      <Crumbs above={[["/traces", "Traces"]]} here={<code>{id}</code>} />
      {found.error !== null && found.data === undefined && <h1>Trace</h1>}
      <Loaded query={found} what="the trace">
        {(trace) => (trace === null || root === undefined ? <Missing id={id} /> : <Found trace={trace} root={root} />)}
      </Loaded>
    </main>
  );
}

function Missing({ id }: { id: string }) {
  const began = traceStart(id);
  return (
    <>
      <h1>Trace</h1>
      <Empty title="There is no such trace" icon="trace">
        <p>
          {began === null
            ? "A trace id is 1-, eight digits and 24 digits in hexadecimal."
            : "It was not sampled, or it is gone: traces are kept 30 days, unless the server is told otherwise, and less when there are more than 200,000."}
        </p>
        {began !== null && (
          <p>
            Its id was made <Time at={began} />.
          </p>
        )}
      </Empty>
    </>
  );
}

function Found({ trace, root }: { trace: Trace; root: TraceNode }) {
  const [get, set] = useQueryState();
  const chosen = get("segment");
  const node = useMemo(() => trace.nodes.find((one) => one.id === chosen), [trace, chosen]);
  const failed = useMemo(() => firstFailed(trace), [trace]);
  return (
    <>
      <div className="page-head">
        <h1 className="with-status">
          <span>{root.name}</span>
          <span role="status" aria-label="Status">
            <TracePill outcome={root.outcome} />
          </span>
        </h1>
        <div className="actions">
          {trace.executionArn && (
            <Link className="button" href={executionPath(trace.executionArn)}>
              <Icon name="list" size={13} /> The execution
            </Link>
          )}
          <CopyButton text={traceLine(window.location.origin, trace.id)} label="Copy as a line for the terminal">
            CLI
          </CopyButton>
        </div>
      </div>
      <dl className="facts">
        <Fact name="Began"><Time at={trace.from} /></Fact>
        <Fact name="Duration">{durationText(trace.to - trace.from)}</Fact>
        <Fact name="Segments">{trace.nodes.filter((one) => one.isSegment).length.toLocaleString("en")}</Fact>
        <Fact name="Subsegments">{trace.nodes.filter((one) => !one.isSegment).length.toLocaleString("en")}</Fact>
        <Fact name="Trace id">
          <span className="arn">
            <code>{trace.id}</code>
            <CopyButton text={trace.id} label="Copy the trace id" />
          </span>
        </Fact>
      </dl>
      {failed && (
        <div className="note tone-bad" role="region" aria-label="What failed">
          <Icon name="cross" />
          <div>
            <strong>{failed.exceptions[0]?.type ?? `${failed.name} failed`}</strong>
            {failed.exceptions[0]?.message && <p className="cause">{failed.exceptions[0].message}</p>}
            <p>
              In{" "}
              <button type="button" className="link" onClick={() => set({ segment: failed.id })}>
                {failed.name}
              </button>
              , {durationText(failed.from - trace.from)} after the beginning
            </p>
          </div>
        </div>
      )}
      {trace.isCut && <p className="quiet">The trace is larger than what is kept of one: something of it is missing.</p>}
      {trace.unread > 0 && <p className="quiet">{trace.unread} of its documents could not be read.</p>}
      <div className={node ? "with-panel" : ""}>
        <div className="view">
          <Waterfall trace={trace} chosen={chosen} onChoose={(id) => set({ segment: id })} />
        </div>
        {node && <NodePanel node={node} trace={trace} onClose={() => set({ segment: null })} />}
      </div>
    </>
  );
}

/** The innermost part that failed first: what is above it failed because of it. */
function firstFailed(trace: Trace): TraceNode | undefined {
  const failed = trace.nodes.filter((node) => node.outcome === "fault" || node.outcome === "error" || node.outcome === "throttle");
  const outer = new Set(failed.map((node) => node.parent));
  const innermost = failed.filter((node) => !outer.has(node.id));
  return innermost.find((node) => node.exceptions.length > 0) ?? failed.findLast((node) => node.exceptions.length > 0) ?? innermost[0];
}

function NodePanel({ node, trace, onClose }: { node: TraceNode; trace: Trace; onClose: () => void }) {
  const arn = typeof node.document["resource_arn"] === "string" ? node.document["resource_arn"] : "";
  const functionName = arn.includes(":function:") ? nameIn(arn) : null;
  const requestId = typeof node.aws["request_id"] === "string" ? node.aws["request_id"] : null;
  const own = typeof node.aws["execution_arn"] === "string" ? node.aws["execution_arn"] : null;
  const [from, to] = [node.from - 60_000, (node.to ?? Date.now()) + 60_000].map((at) => new Date(at).toISOString());
  return (
    <aside className="panel" aria-label={`Segment ${node.name}`}>
      <header>
        <div>
          <span className="quiet">{node.kind || (node.isSegment ? "Segment" : "Subsegment")}</span>
          <h2>{node.name}</h2>
        </div>
        <button type="button" className="icon-button" onClick={onClose} aria-label="Close the panel">
          <Icon name="cross" />
        </button>
      </header>
      <dl className="facts">
        <Fact name="Outcome"><TracePill outcome={node.outcome} /></Fact>
        <Fact name="Began after">{durationText(node.from - trace.from)}</Fact>
        <Fact name="Duration">{node.to === null ? "in progress" : durationText(node.to - node.from)}</Fact>
        <Fact name="At"><Time at={node.from} isExact /></Fact>
      </dl>
      {node.exceptions.map((exception, index) => (
        <Exception key={index} exception={exception} />
      ))}
      {(own || functionName || arn.includes(":stateMachine:")) && (
        <p className="actions">
          {own && <Link href={executionPath(own)}>The execution</Link>}
          {arn.includes(":stateMachine:") && <Link href={machinePath(arn)}>{nameOf(arn)}</Link>}
          {functionName && <Link href={functionPath(functionName)}>The function</Link>}
          {functionName && requestId && (
            <Link href={withQuery("/logs", { groups: `/aws/lambda/${functionName}`, q: patternTerm(requestId), from, to })}>Its lines in the log</Link>
          )}
        </p>
      )}
      {node.http && (
        <section>
          <h3>HTTP</h3>
          <p className="mono">
            {[node.http.method, node.http.url, node.http.status].filter((part) => part !== null && part !== "").join(" ")}
          </p>
        </section>
      )}
      <Members title="Annotations" members={node.annotations} />
      <Members title="Metadata" members={node.metadata} />
      <Members title="AWS" members={node.aws} />
      <details className="pane">
        <summary>The document</summary>
        <Json text={JSON.stringify(node.document)} label="the document" />
      </details>
    </aside>
  );
}

function Members({ title, members }: { title: string; members: Readonly<Record<string, unknown>> }) {
  const entries = Object.entries(members);
  if (entries.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <dl className="pairs">
        {entries.map(([name, value]) => (
          <Pair key={name} name={<code>{name}</code>}>
            {typeof value === "object" && value !== null ? <Json text={JSON.stringify(value)} label={name} /> : <code>{String(value)}</code>}
          </Pair>
        ))}
      </dl>
    </section>
  );
}

function Exception({ exception }: { exception: TraceException }) {
  return (
    <div className="note tone-bad">
      <Icon name="cross" />
      <div>
        <strong>{exception.type}</strong>
        {exception.isRemote && <span className="quiet"> in what was called</span>}
        <p className="cause">{exception.message}</p>
        {exception.stack.length > 0 && (
          <ol className="frames" aria-label="Stack">
            {exception.stack.map((frame, index) => (
              <li key={index}>
                {frame.label && `${frame.label} `}
                <span className="quiet">
                  {frame.path}
                  {frame.line === null ? "" : `:${frame.line}`}
                </span>
              </li>
            ))}
          </ol>
        )}
        {exception.truncated > 0 && <p className="quiet">{exception.truncated} more frames are not in the document.</p>}
      </div>
    </div>
  );
}
