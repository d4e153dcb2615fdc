import { useQuery } from "@tanstack/react-query";
import { lazy } from "react";
import { capacityQuery, functionUrlQuery } from "../api/functions";
import type { Lambda } from "../api/generated";
import { functionQuery } from "../api/queries";
import { bytesText } from "../model/numbers";
import { modifiedAt } from "../model/time";
import { Icon } from "../ui/Icon";
import { LoadedPage } from "../ui/Loaded";
import { Arn, CopyButton, Crumbs, Fact, Time, useTitle } from "../ui/parts";
import { TabbedView } from "../ui/TabbedView";
import { Configuration } from "./functions/Configuration";
import { FunctionMetrics } from "./functions/FunctionMetrics";
import { Invoke } from "./functions/Invoke";

const FunctionLogs = lazy(() => import("./functions/FunctionLogs"));

/** One function: what it is, how it does, what it logs, and what it gives for an event. */
export function FunctionPage({ name }: { name: string }) {
  useTitle(name);
  const found = useQuery(functionQuery(name));
  return (
    <LoadedPage query={found} title={name} what="the function">
      {({ Configuration }) => Configuration && <Shown name={name} configuration={Configuration} />}
    </LoadedPage>
  );
}

/** Letters of the code's hash that tell one from another. */
const HASH_SHOWN = 12;

function Shown({ name, configuration }: { name: string; configuration: Lambda.FunctionConfiguration }) {
  const capacity = useQuery(capacityQuery(name));
  const url = useQuery(functionUrlQuery(name));
  const { State, StateReason, LastUpdateStatus, LastUpdateStatusReason, CodeSha256 } = configuration;
  const group = configuration.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`;
  return (
    <>
      <Crumbs above={[["/functions", "Functions"]]} here={name} />
      <div className="page-head">
        <h1>{name}</h1>
      </div>
      {State !== undefined && State !== "Active" && (
        <div className={`note ${State === "Failed" ? "tone-bad" : "tone-warn"}`}>
          <Icon name={State === "Failed" ? "cross" : "clock"} />
          <div>
            <strong>{State}</strong>
            <p>{StateReason}</p>
          </div>
        </div>
      )}
      {LastUpdateStatus === "Failed" && (
        <div className="note tone-bad">
          <Icon name="cross" />
          <div>
            <strong>The last update failed</strong>
            <p>{LastUpdateStatusReason}</p>
          </div>
        </div>
      )}
      <dl className="facts">
        <Fact name="Runtime">{configuration.Runtime ?? configuration.PackageType}</Fact>
        <Fact name="Handler"><code>{configuration.Handler}</code></Fact>
        <Fact name="Memory">{configuration.MemorySize} MB</Fact>
        <Fact name="Timeout">{configuration.Timeout} s</Fact>
        <Fact name="Code">{bytesText(configuration.CodeSize ?? 0)}</Fact>
        {CodeSha256 && (
          <Fact name="CodeSha256">
            <span className="arn">
              <code title={CodeSha256}>{CodeSha256.slice(0, HASH_SHOWN)}</code>
              <CopyButton text={CodeSha256} label="Copy the hash of the code" />
            </span>
          </Fact>
        )}
        <Fact name="Version">{configuration.Version}</Fact>
        {configuration.LastModified && <Fact name="Changed"><Time at={modifiedAt(configuration.LastModified)} /></Fact>}
        <Fact name="Reserved">{capacity.data ? (capacity.data.reserved ?? "none") : capacity.error ? "not known" : "…"}</Fact>
        {url.error && <Fact name="URL">not known</Fact>}
        {url.data && (
          <Fact name="URL">
            <span className="arn">
              <a href={url.data} target="_blank" rel="noreferrer">
                {url.data}
              </a>
              <CopyButton text={url.data} label="Copy the URL" />
            </span>
          </Fact>
        )}
        <Fact name="ARN"><Arn arn={configuration.FunctionArn ?? ""} /></Fact>
      </dl>
      <TabbedView
        label="Views of the function"
        tabs={[
          { id: "invoke", label: "Invoke", view: () => <Invoke name={name} arn={configuration.FunctionArn ?? ""} /> },
          { id: "logs", label: "Logs", view: () => <FunctionLogs group={group} absent="is made when the function first runs" /> },
          { id: "metrics", label: "Metrics", view: () => <FunctionMetrics name={name} group={group} isJson={configuration.LoggingConfig?.LogFormat === "JSON"} /> },
          { id: "configuration", label: "Configuration", view: () => <Configuration name={name} configuration={configuration} capacity={capacity} /> },
        ]}
      />
    </>
  );
}
