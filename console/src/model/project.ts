/** What of a stack somebody runs, and what stands around it. */

import { functionPath, pageOf } from "./arn";
import type { Sample, Stack, StackResource } from "../api/start";

/** Resources of one sort. */
interface ResourceGroup {
  readonly title: string;
  readonly resources: readonly StackResource[];
}

const MACHINE = "AWS::StepFunctions::StateMachine";
const FUNCTION = "AWS::Lambda::Function";

/** Sorts in the order in which they matter to who runs something; the first that takes a type has it. */
const SORTS: readonly (readonly [title: string, takes: RegExp])[] = [
  ["State machines", /^AWS::StepFunctions::StateMachine$/],
  ["Functions", /^AWS::Lambda::Function$/],
  ["APIs and URLs", /^AWS::(ApiGateway|Lambda::Url)/],
  ["Events and schedules", /^AWS::(Events|Scheduler)::/],
  ["Observability", /^AWS::(CloudWatch|Logs|XRay)::/],
  ["Versions, aliases and activities", /^AWS::(StepFunctions|Lambda)::/],
  ["Roles and policies", /^AWS::IAM::/],
  ["Others", /./],
];

/** The resources of a stack by their sort, without the sorts that it has none of. */
export function resourceGroups(stack: Stack): ResourceGroup[] {
  const groups = new Map<string, StackResource[]>();
  for (const resource of stack.resources) {
    const title = SORTS.find(([, takes]) => takes.test(resource.type))?.[0] ?? "Others";
    const group = groups.get(title);
    if (group) group.push(resource);
    else groups.set(title, [resource]);
  }
  return SORTS.flatMap(([title]) => {
    const resources = groups.get(title);
    return resources ? [{ title, resources: resources.toSorted((one, other) => one.logicalId.localeCompare(other.logicalId)) }] : [];
  });
}

/** What can be run of a stack, state machines first. */
export function runnable(stack: Stack | undefined): StackResource[] {
  const of = (type: string): StackResource[] => (stack?.resources ?? []).filter((resource) => resource.type === type && resource.arn !== null);
  return [...of(MACHINE), ...of(FUNCTION)];
}

/**
 * The path under which a stage of an API is called on its server; `null` for what is no stage.
 *
 * The `$default` stage is the one that is meant where no stage is named.
 */
export function stagePath({ type, name }: StackResource): string | null {
  const [api, stage] = name.split(" ");
  if (!/^AWS::ApiGateway(V2)?::Stage$/.test(type) || !api || !stage) return null;
  return `/execute-api/${api}/${stage === "$default" ? "" : `${stage}/`}`;
}

/** The page of a resource; `null` where the console has none. */
export function resourcePath({ type, name, arn }: StackResource): string | null {
  if (arn !== null) return pageOf(arn)?.path ?? null;
  // The page of a function tells its URL.
  return type === "AWS::Lambda::Url" ? functionPath(name.split(" ")[0] ?? "") : null;
}

export const isMachine = (arn: string): boolean => arn.includes(":stateMachine:");

/** What a sample may be given to, the likeliest first: what it fits, then all else that runs. */
export function targetsOf(sample: Sample, stack: Stack | undefined): string[] {
  const all = runnable(stack).flatMap((resource) => (resource.arn === null ? [] : [resource.arn]));
  return [...sample.fits.filter((arn) => all.includes(arn)), ...all.filter((arn) => !sample.fits.includes(arn))];
}

/** AWS: 80 characters, and none of these in the name of an execution. */
const NAME_MAX = 80;
const NO_NAME = /[^0-9A-Za-z_-]+/g;

/** A name for an execution that tells its sample, and is another one every second. */
export function executionName(sample: string, now: number): string {
  const end = `-${Math.floor(now / 1000).toString(36)}`;
  const stem = sample.replace(/\.json$/, "").replace(NO_NAME, "-");
  return stem.slice(0, NAME_MAX - end.length) + end;
}
