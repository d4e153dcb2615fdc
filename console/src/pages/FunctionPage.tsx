import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { invoke } from "../api/call";
import type { Lambda } from "../api/generated";
import { functionQuery } from "../api/queries";
import { Icon } from "../ui/Icon";
import { Json } from "../ui/Json";
import { LoadedPage } from "../ui/Loaded";
import { Arn, ErrorNote, Fact, Time, useTitle } from "../ui/parts";

export function FunctionPage({ name }: { name: string }) {
  useTitle(name);
  const found = useQuery(functionQuery(name));
  return (
    <LoadedPage query={found} title={name} what="the function">
      {({ Configuration }) => Configuration && <Shown name={name} configuration={Configuration} />}
    </LoadedPage>
  );
}

function Shown({ name, configuration }: { name: string; configuration: Lambda.FunctionConfiguration }) {
  const [event, setEvent] = useState("{}");
  const run = useMutation({ mutationFn: () => invoke({ FunctionName: name, Payload: event }) });
  const variables = Object.entries(configuration.Environment?.Variables ?? {});
  return (
    <>
      <nav className="crumbs" aria-label="Where this is">
        <Link href="/functions">Functions</Link>
        <Icon name="right" size={12} />
        <span aria-current="page">{name}</span>
      </nav>
      <div className="page-head">
        <h1>{name}</h1>
      </div>
      <dl className="facts">
        <Fact name="Runtime">{configuration.Runtime}</Fact>
        <Fact name="Handler"><code>{configuration.Handler}</code></Fact>
        <Fact name="Memory">{configuration.MemorySize} MB</Fact>
        <Fact name="Timeout">{configuration.Timeout} s</Fact>
        <Fact name="Code">{((configuration.CodeSize ?? 0) / 1024).toFixed(1)} KiB</Fact>
        {configuration.LastModified && (
          <Fact name="Changed"><Time at={Date.parse(configuration.LastModified.replace("+0000", "Z"))} /></Fact>
        )}
        <Fact name="ARN"><Arn arn={configuration.FunctionArn ?? ""} /></Fact>
      </dl>
      <div className="columns">
        <section>
          <h2>Invoke</h2>
          <form
            className="form"
            onSubmit={(submitted) => {
              submitted.preventDefault();
              run.mutate();
            }}
          >
            <label>
              Event
              <textarea rows={8} spellCheck={false} value={event} onChange={(changed) => setEvent(changed.target.value)} />
            </label>
            <div className="actions">
              <button type="submit" className="button is-main" disabled={run.isPending}>
                <Icon name="play" size={13} /> Invoke
              </button>
            </div>
          </form>
          {run.error && <ErrorNote error={run.error} />}
          {run.data && (
            <div role="status">
              <h3>{run.data.error === null ? "Result" : `Failed: ${run.data.error}`}</h3>
              <Json text={run.data.payload} label="the result" />
              {run.data.logTail && (
                <>
                  <h3>Log</h3>
                  <pre className="log" tabIndex={0}>{run.data.logTail}</pre>
                </>
              )}
            </div>
          )}
        </section>
        <section>
          <h2>Environment</h2>
          {variables.length === 0 ? (
            <p className="quiet">No variables.</p>
          ) : (
            <dl className="pairs">
              {variables.map(([key, value]) => (
                <div key={key}>
                  <dt><code>{key}</code></dt>
                  <dd><code>{value}</code></dd>
                </div>
              ))}
            </dl>
          )}
        </section>
      </div>
    </>
  );
}
