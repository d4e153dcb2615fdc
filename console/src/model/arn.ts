/** Names out of ARNs, and the page's addresses of what they name. */

/** The last part of an ARN: the name of a state machine, an execution, a function. */
export function nameOf(arn: string): string {
  const parts = arn.split(":");
  return parts.slice(arn.includes(":execution:") || arn.includes(":express:") ? 7 : 6).join(":") || arn;
}

/** The version or alias that an ARN ends with. */
export const qualifierOf = (arn: string): string => arn.slice(arn.lastIndexOf(":") + 1);

/** The ARN of the state machine of an execution. */
export function machineOf(executionArn: string): string {
  const parts = executionArn.split(":");
  // A child of a map run is named after its machine and the run's label: `machine/label`.
  return [...parts.slice(0, 5), "stateMachine", (parts[6] ?? "").split("/")[0]].join(":");
}

/** The ARN of the state machine of a map run: `...:mapRun:machine/label:id`. */
export function machineOfRun(mapRunArn: string): string {
  return machineOf(mapRunArn);
}

/**
 * A name in a path; colons stay readable.
 *
 * A percent sign is written twice: the router has decoded a path once, but for `/` and its like, before a page sees it.
 */
const inPath = (name: string): string => encodeURIComponent(name.replaceAll("%", "%25")).replaceAll("%3A", ":");

/** The name that a part of a path is of, as the router gives it. */
export function fromPath(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Somebody wrote it by hand, with a percent sign of its own.
    return part;
  }
}

export const machinePath = (arn: string): string => `/machines/${inPath(arn)}`;
export const editorPath = (arn: string): string => `${machinePath(arn)}/edit`;
export const executionPath = (arn: string): string => `/executions/${inPath(arn)}`;
export const mapRunPath = (arn: string): string => `/map-runs/${inPath(arn)}`;
export const functionPath = (name: string): string => `/functions/${inPath(name)}`;
export const alarmPath = (name: string): string => `/alarms/${inPath(name)}`;
export const dashboardPath = (name: string): string => `/dashboards/${inPath(name)}`;

/** The page of what an ARN names, and what that is; `null` where the console has no page for it. */
export function pageOf(arn: string): { readonly path: string; readonly kind: string } | null {
  if (/^1-[0-9a-f]{8}-[0-9a-f]{24}$/.test(arn)) return { path: `/traces/${arn}`, kind: "trace" };
  const [scheme, , service, , , type, name, ...rest] = arn.split(":");
  if (scheme === "arn" && service === "cloudwatch" && type?.startsWith("dashboard/")) return { path: dashboardPath(type.slice(10)), kind: "dashboard" };
  if (scheme !== "arn" || !name) return null;
  // The name of an alarm may have colons.
  if (service === "cloudwatch" && type === "alarm") return { path: alarmPath([name, ...rest].join(":")), kind: "alarm" };
  if (service === "logs" && type === "log-group") return { path: withQuery("/logs", { groups: name }), kind: "log group" };
  if (service === "lambda" && type === "function") return { path: functionPath(name), kind: "function" };
  if (service !== "states") return null;
  switch (type) {
    case "stateMachine": {
      const machine = machinePath(arn.split(":").slice(0, 7).join(":"));
      // A version or an alias is shown on the page of its state machine.
      return rest.length === 0 ? { path: machine, kind: "state machine" } : { path: withQuery(machine, { view: "versions" }), kind: "version or alias" };
    }
    case "execution":
      return rest.length === 0 ? null : { path: executionPath(arn), kind: "execution" };
    case "express":
      // AWS: no operation tells of an Express execution; what it did is in the logs of its state machine.
      return { path: machinePath(machineOf(arn)), kind: "state machine of the Express execution" };
    case "mapRun":
      return rest.length === 0 ? null : { path: mapRunPath(arn), kind: "map run" };
    default:
      return null;
  }
}

/** A path with what is chosen on the page; empty values are left out. */
export function withQuery(path: string, query: Readonly<Record<string, string | null | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) search.set(name, value);
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}
