import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { traceQuery } from "../../api/traces";
import { sampleAllLine } from "../../model/commands";
import { traceIdOf } from "../../model/calls";
import { CommandLine, Empty } from "../../ui/parts";
import { Loaded } from "../../ui/Loaded";
import { useQueryState } from "../../ui/useQueryState";
import { Waterfall } from "../../ui/Waterfall";

/** The trace of an execution: its states, their calls, and what the functions told of themselves. */
export default function TraceTab({ header, cursor }: { header: string | undefined; cursor: number | null }) {
  const id = traceIdOf(header);
  if (id === null || /Sampled=0/.test(header ?? "")) return <Untraced isLeftOut={id !== null} />;
  return <Found id={id} cursor={cursor} />;
}

function Found({ id, cursor }: { id: string; cursor: number | null }) {
  const [get, set] = useQueryState();
  const found = useQuery(traceQuery(id));
  return (
    <Loaded query={found} what="the trace">
      {(trace) =>
        trace === null ? (
          <Empty title="The trace is not there" icon="trace">
            <p>The execution was sampled, but of its trace {id} nothing is kept: traces go after 30 days, unless the server is told otherwise, and the oldest when there are too many.</p>
          </Empty>
        ) : (
          <>
            <div className="filters">
              <Link href={`/traces/${id}`}>All that is known of each part</Link>
              <code className="quiet">{id}</code>
            </div>
            <Waterfall trace={trace} chosen={get("segment")} onChoose={(segment) => set({ segment })} cursor={cursor} />
          </>
        )
      }
    </Loaded>
  );
}

function Untraced({ isLeftOut }: { isLeftOut: boolean }) {
  return (
    <Empty title={isLeftOut ? "The execution was not sampled" : "The execution is not traced"} icon="trace">
      <p>
        {isLeftOut
          ? "Of the first request a second and of 5 % of the others there is a trace, as on AWS. To trace everything while developing:"
          : "A state machine is traced with a tracingConfiguration; in SAM:"}
      </p>
      <CommandLine
        line={isLeftOut ? sampleAllLine(window.location.origin) : "Tracing: {Enabled: true}"}
      />
    </Empty>
  );
}
