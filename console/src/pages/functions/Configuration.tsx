import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { functionVersionsQuery } from "../../api/functions";
import type { Capacity } from "../../api/functions";
import type { Lambda } from "../../api/generated";
import { qualifierOf } from "../../model/arn";
import { modifiedAt } from "../../model/time";
import { Loaded } from "../../ui/Loaded";
import type { Loading } from "../../ui/Loaded";
import { Pair, Time } from "../../ui/parts";

/** Environment, concurrency, versions and aliases of a function. */
export function Configuration({ name, configuration, capacity }: { name: string; configuration: Lambda.FunctionConfiguration; capacity: Loading<Capacity> }) {
  const versions = useQuery(functionVersionsQuery(name));
  const variables = Object.entries(configuration.Environment?.Variables ?? {});
  return (
    <div className="columns">
      <section>
        <h2>Environment</h2>
        {configuration.Environment?.Error && <p className="tone-bad">{configuration.Environment.Error.Message}</p>}
        {variables.length === 0 ? <p className="quiet">No variables.</p> : <Pairs of={variables.map(([key, value]) => [key, <code>{value}</code>])} />}
        <h2>Settings</h2>
        <Pairs of={settings(configuration)} />
      </section>
      <section>
        <h2>Concurrency</h2>
        <Loaded query={capacity} what="concurrency">
          {({ reserved, provisioned }) => (
            <Pairs
              of={[
                ["Reserved", reserved === null ? "none: what is left of the account's" : reserved.toLocaleString("en")],
                ...provisioned.map((one): [string, ReactNode] => [
                  `Provisioned for ${qualifierOf(one.FunctionArn ?? "")}`,
                  `${one.AvailableProvisionedConcurrentExecutions ?? 0} of ${one.RequestedProvisionedConcurrentExecutions ?? 0}, ${(one.Status ?? "").toLowerCase().replace("_", " ")}${one.StatusReason ? `: ${one.StatusReason}` : ""}`,
                ]),
                ...(provisioned.length === 0 ? [["Provisioned", "none"] as [string, ReactNode]] : []),
              ]}
            />
          )}
        </Loaded>
        <h2>Versions and aliases</h2>
        <Loaded query={versions} what="versions">
          {({ versions, aliases, isCut }) => (
            <>
              <table className="facts-table">
                <thead>
                  <tr>
                    <th scope="col">Version</th>
                    <th scope="col">Aliases</th>
                    <th scope="col">CodeSha256</th>
                    <th scope="col">Changed</th>
                  </tr>
                </thead>
                <tbody>
                  {versions.map((one) => (
                    <tr key={one.Version}>
                      <td>{one.Version}</td>
                      <td>{aliases.filter((alias) => alias.FunctionVersion === one.Version).map((alias) => alias.Name).join(", ")}</td>
                      <td>
                        <code title={one.CodeSha256}>{one.CodeSha256?.slice(0, 12)}</code>
                      </td>
                      <td>{one.LastModified && <Time at={modifiedAt(one.LastModified)} />}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {isCut && <p className="quiet">There are more than one page tells.</p>}
            </>
          )}
        </Loaded>
      </section>
    </div>
  );
}

function settings(one: Lambda.FunctionConfiguration): [string, ReactNode][] {
  const found: [string, ReactNode][] = [];
  const put = (name: string, value: ReactNode): void => {
    if (value !== undefined && value !== null && value !== "") found.push([name, value]);
  };
  put("Description", one.Description);
  put("Role", one.Role && <code>{one.Role}</code>);
  put("Architecture", one.Architectures?.join(", "));
  put("Tracing", one.TracingConfig?.Mode);
  put("Log group", one.LoggingConfig?.LogGroup && <code>{one.LoggingConfig.LogGroup}</code>);
  put("Log format", one.LoggingConfig?.LogFormat);
  put("Dead letters to", one.DeadLetterConfig?.TargetArn && <code>{one.DeadLetterConfig.TargetArn}</code>);
  put("Layers", one.Layers?.map((layer) => layer.Arn).join(", "));
  put("Ephemeral storage", one.EphemeralStorage && `${one.EphemeralStorage.Size} MB`);
  put("Revision", one.RevisionId && <code>{one.RevisionId}</code>);
  return found;
}

function Pairs({ of }: { of: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="pairs">
      {of.map(([key, value]) => (
        <Pair key={key} name={key}>
          {value}
        </Pair>
      ))}
    </dl>
  );
}
