/** What an execution comes from and what it started, as far as its history and its input tell. */

import type { Run, Visit } from "./history";
import { isFields } from "./json";

export interface Child {
  readonly visit: Visit;
  readonly arn: string;
  readonly kind: "execution" | "map run";
}

/** Executions and map runs that the states of a run have started, in the order of their entry. */
export function childrenOf(run: Run): Child[] {
  return run.visits.flatMap((visit) =>
    visit.startedArn === null ? [] : [{ visit, arn: visit.startedArn, kind: visit.startedArn.includes(":mapRun:") ? ("map run" as const) : ("execution" as const) }],
  );
}

export type Origin =
  /** Another execution has started it, and has said so in the input, as AWS advises. */
  | { readonly kind: "execution"; readonly executionArn: string }
  | { readonly kind: "alarm"; readonly name: string; readonly state: string | null }
  | { readonly kind: "schedule"; readonly name: string }
  | { readonly kind: "event"; readonly source: string; readonly detailType: string };

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** What the input says of who started the execution; `null` where it says nothing. */
export function originOf(input: string | undefined): Origin | null {
  let value: unknown;
  try {
    value = JSON.parse(input ?? "");
  } catch {
    return null;
  }
  if (!isFields(value)) return null;
  // AWS: with this member in the input of a child, the console associates it with its parent.
  const parent = text(value["AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"]);
  if (parent !== null) return { kind: "execution", executionArn: parent };
  const [source, detailType] = [text(value["source"]), text(value["detail-type"])];
  if (source === null || detailType === null || !("detail" in value)) return null;
  const detail = isFields(value["detail"]) ? value["detail"] : {};
  if (source === "aws.cloudwatch" && detailType === "CloudWatch Alarm State Change") {
    const state = isFields(detail["state"]) ? text(detail["state"]["value"]) : null;
    const name = text(detail["alarmName"]);
    if (name !== null) return { kind: "alarm", name, state };
  }
  if (detailType === "Scheduled Event") {
    const rule = Array.isArray(value["resources"]) ? text(value["resources"][0]) : null;
    if (rule !== null) return { kind: "schedule", name: rule.split("/").pop() ?? rule };
  }
  return { kind: "event", source, detailType };
}
