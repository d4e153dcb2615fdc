import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import "../../styles/start.css";
import { invoke, states } from "../../api/call";
import { newestQuery, projectQuery } from "../../api/start";
import type { ProjectAnswer, Sample, Stack } from "../../api/start";
import { readAgain } from "../../live/again";
import { useChanges, usePolling } from "../../live/LiveProvider";
import { executionPath, machinePath, nameOf, pageOf } from "../../model/arn";
import { executionName, isMachine, resourceGroups, resourcePath, runnable, stagePath, targetsOf } from "../../model/project";
import { Icon } from "../../ui/Icon";
import { Json } from "../../ui/Json";
import { LoadedPage } from "../../ui/Loaded";
import { CommandLine, CopyButton, Count, Empty, ErrorNote, StatusPill, Time, useTitle } from "../../ui/parts";

/** Where somebody begins who has just started an application: what there is, and one click to run it. */
export default function StartPage() {
  useTitle("Start");
  const found = useQuery(projectQuery);
  return (
    <LoadedPage query={found} title="Start" what="the project">
      {(answer) => <Shown answer={answer} />}
    </LoadedPage>
  );
}

function Shown({ answer }: { answer: ProjectAnswer }) {
  const { project, stacks, samples } = answer;
  const own = stacks.find((stack) => stack.name === project?.stack);
  const first = samples.findIndex((sample) => sample.content !== null);
  const shown = own ? [own, ...stacks.filter((stack) => stack !== own)] : stacks;
  return (
    <>
      <div className="page-head">
        <h1>{project?.directory ?? project?.stack ?? "Start"}</h1>
        {project && (
          <p className="quiet start-about">
            stack <strong>{project.stack}</strong>
            {project.template && (
              <>
                {" "}
                of <code>{project.template}</code>
              </>
            )}
            {project.isWatching && "; every save is deployed"}
          </p>
        )}
      </div>
      <div className="start-columns">
        <section aria-labelledby="start-samples">
          <h2 id="start-samples">
            Run something <Count of={samples.length} />
          </h2>
          {samples.length > 0 ? (
            <ul className="start-samples">
              {samples.map((sample, index) => (
                <SampleRow key={sample.name} sample={sample} stack={own} isFirst={index === first} />
              ))}
            </ul>
          ) : (
            <NoSamples answer={answer} stack={own} />
          )}
        </section>
        <div className="start-side">
          <Newest />
          {shown.map((stack) => (
            <Resources key={stack.name} stack={stack} />
          ))}
          {shown.length === 0 && (
            <Empty title="Nothing is deployed yet" icon="machine">
              <p>{project?.isWatching ? "The next save is tried. The terminal says what is wrong." : "Deploy the application with:"}</p>
              {!project?.isWatching && <CommandLine line={`stepwell deploy . --endpoint ${window.location.origin}`} />}
            </Empty>
          )}
        </div>
      </div>
    </>
  );
}

/** A sample event, what it goes to, and the button that starts it. */
function SampleRow({ sample, stack, isFirst }: { sample: Sample; stack: Stack | undefined; isFirst: boolean }) {
  const [, navigate] = useLocation();
  const [isOpen, setOpen] = useState(false);
  const targets = targetsOf(sample, stack);
  const [chosen, setChosen] = useState<string | null>(null);
  const target = chosen !== null && targets.includes(chosen) ? chosen : targets[0];
  const run = useMutation({
    mutationFn: async (arn: string) => {
      const input = sample.content ?? "{}";
      if (!isMachine(arn)) return { result: await invoke({ FunctionName: arn, Payload: input }) };
      const { executionArn } = await states("StartExecution", { stateMachineArn: arn, input, name: executionName(sample.name, Date.now()) });
      // AWS: nothing tells of an Express execution but its logs.
      navigate(executionArn.includes(":express:") ? machinePath(arn) : executionPath(executionArn));
      return { result: null };
    },
  });
  const title = sample.name.replace(/\.json$/, "");
  const result = run.data?.result;
  return (
    <li>
      <div className="start-sample">
        <button type="button" className="start-name" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)} title="Show the event">
          <Icon name={isOpen ? "down" : "right"} size={12} />
          <strong>{title}</strong>
        </button>
        {targets.length > 1 ? (
          <label className="start-target">
            <span className="visually-hidden">What {title} goes to</span>
            <select value={target ?? ""} onChange={(event) => setChosen(event.target.value)}>
              {targets.map((arn) => (
                <option key={arn} value={arn}>
                  {nameOf(arn)}
                  {isMachine(arn) ? "" : " (function)"}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <span className="quiet start-target">{target ? nameOf(target) : "nothing that takes it is deployed"}</span>
        )}
        <button
          type="button"
          className={isFirst ? "button is-main" : "button"}
          disabled={target === undefined || sample.content === null || run.isPending}
          aria-label={`${target === undefined || isMachine(target) ? "Start" : "Invoke"} ${title}`}
          onClick={() => target !== undefined && run.mutate(target)}
        >
          <Icon name={run.isPending ? "running" : "play"} size={13} /> {target === undefined || isMachine(target) ? "Start" : "Invoke"}
        </button>
      </div>
      {sample.problem !== undefined && <p className="tone-warn start-problem">{sample.problem}</p>}
      {run.error && <ErrorNote error={run.error} />}
      {result && (
        <div role="status" className="start-result">
          <h3>{result.error === null ? "Result" : `Failed: ${result.error}`}</h3>
          <Json text={result.payload} label="the result" />
        </div>
      )}
      {isOpen && sample.content !== null && <Json text={sample.content} label={`the event ${title}`} />}
    </li>
  );
}

/** How samples come here, and what can be run without one. */
function NoSamples({ answer, stack }: { answer: ProjectAnswer; stack: Stack | undefined }) {
  const first = runnable(stack ?? answer.stacks[0])[0];
  const path = first?.arn ? pageOf(first.arn)?.path : undefined;
  return (
    <Empty title="No sample events" icon="play">
      {answer.project ? (
        <>
          <p>Every JSON file in the directory <code>events</code> of the application is shown here, with a button that starts it:</p>
          <CommandLine line={"mkdir -p events && echo '{\"orderId\": \"1\"}' > events/first.json"} />
        </>
      ) : (
        <p>
          <code>stepwell dev</code> shows the JSON files in the directory <code>events</code> of an application here.
        </p>
      )}
      {first && path && (
        <p>
          Or start <Link href={path}>{first.name}</Link> with an input of your own.
        </p>
      )}
    </Empty>
  );
}

/** What ran lately, as it goes on. */
function Newest() {
  const newest = useQuery({ ...newestQuery, refetchInterval: usePolling(true) });
  const client = useQueryClient();
  // Where anything may have changed, everything is read again as it is.
  useChanges((changes) => changes !== null && readAgain(client, newestQuery.queryKey));
  if (newest.error && newest.data === undefined) return <ErrorNote error={newest.error} onRetry={() => void newest.refetch()} />;
  if (newest.data === undefined || newest.data.length === 0) return null;
  return (
    <section aria-labelledby="start-newest">
      <h2 id="start-newest">Latest executions</h2>
      <ul className="start-list">
        {newest.data.map((execution) => (
          <li key={execution.executionArn}>
            <Link className="strong" href={executionPath(execution.executionArn)}>
              {execution.name}
            </Link>
            <StatusPill status={execution.status} />
            <span className="quiet">
              <Time at={execution.startDate * 1000} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What somebody runs, and calls. */
const OPENED: readonly string[] = ["State machines", "Functions", "APIs and URLs"];

/** What the server has of a stack. */
function Resources({ stack }: { stack: Stack }) {
  return (
    <section aria-label={`Resources of ${stack.name}`}>
      <h2>
        Deployed in {stack.name} <Count of={stack.resources.length} />
      </h2>
      {resourceGroups(stack).map(({ title, resources }) => (
        <details key={title} className="start-group" open={OPENED.includes(title)}>
          <summary>
            {title} <Count of={resources.length} />
          </summary>
          <ul className="start-list">
            {resources.map((resource) => {
              const path = resourcePath(resource);
              const stage = stagePath(resource);
              return (
                <li key={`${resource.type} ${resource.logicalId}`} title={`${resource.logicalId}: ${resource.type}`}>
                  {path !== null ? (
                    <Link className="strong" href={path}>
                      {resource.name}
                    </Link>
                  ) : stage !== null ? (
                    <span className="arn">
                      <a className="strong" href={stage} target="_blank" rel="noreferrer">
                        {stage}
                      </a>
                      <CopyButton text={`${window.location.origin}${stage}`} label="Copy the address" />
                    </span>
                  ) : (
                    <span>{resource.name}</span>
                  )}
                  {resource.name !== resource.logicalId && <span className="quiet">{resource.logicalId}</span>}
                  {title === "State machines" || title === "Functions" ? null : <span className="quiet start-type">{resource.type.replace(/^AWS::/, "")}</span>}
                </li>
              );
            })}
          </ul>
        </details>
      ))}
    </section>
  );
}
