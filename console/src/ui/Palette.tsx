import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useLocation } from "wouter";
import { functionsQuery, machinesQuery } from "../api/queries";
import { functionPath, machinePath, nameOf, pageOf, withQuery } from "../model/arn";
import { matching } from "../model/palette";
import type { Entry } from "../model/palette";
import { TEXT_LENGTH_MAX } from "../model/search";
import { Dialog } from "./Dialog";

const SHOWN_MAX = 12;

interface Command extends Entry {
  readonly run: () => void;
}

/** Finds everything that has a name, and does what has a key. An ARN that is put in is opened. */
export function Palette({ commands, onClose }: { commands: readonly Command[]; onClose: () => void }) {
  const [, navigate] = useLocation();
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const machines = useQuery(machinesQuery).data?.items;
  const functions = useQuery(functionsQuery).data?.items;
  const others = useQuery({
    queryKey: ["names"],
    queryFn: async ({ client }) => {
      const { readNames } = await import("../api/names");
      return readNames(client);
    },
    staleTime: 10_000,
  }).data;
  const entries = useMemo<Command[]>(() => {
    const go = (path: string) => () => navigate(path);
    return [
      ...commands,
      ...(machines ?? []).map((machine) => ({
        id: machine.stateMachineArn,
        title: machine.name,
        kind: "State machine",
        run: go(machinePath(machine.stateMachineArn)),
      })),
      ...(functions ?? []).map((one) => ({
        id: one.FunctionArn ?? "",
        title: one.FunctionName ?? "",
        kind: "Function",
        run: go(functionPath(one.FunctionName ?? "")),
      })),
      ...(others ?? []).map(({ path, ...one }) => ({ ...one, run: go(path) })),
    ];
  }, [commands, machines, functions, others, navigate]);
  const asked = query.trim();
  const page = pageOf(asked);
  const named: Command[] =
    page === null ? [] : [{ id: asked, title: nameOf(asked), kind: `Open the ${page.kind}`, run: () => navigate(page.path) }];
  const matched = matching(entries, query, SHOWN_MAX);
  const search = (title: string, name: string): Command => ({ id: name, title, kind: "Search", run: () => navigate(withQuery("/executions", { [name]: asked.slice(0, TEXT_LENGTH_MAX) })) });
  // What has no entry of its own may be somebody's order.
  const searches = asked === "" || asked.startsWith("arn:") ? [] : [search(`Executions with “${asked}” in input or output`, "text"), search(`Executions called “${asked}”`, "q")];
  const found = [...named, ...matched, ...searches];
  const at = Math.min(active, found.length - 1);
  const run = (command: Command | undefined): void => {
    if (command === undefined) return;
    onClose();
    command.run();
  };
  return (
    <Dialog title="Find or do something" onClose={onClose} className="palette">
      <input
        data-first
        type="text"
        role="combobox"
        aria-label="Find or do something"
        aria-expanded="true"
        aria-controls="palette-found"
        aria-activedescendant={found[at] ? `palette-${at}` : undefined}
        placeholder="A name, an ARN, a command"
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setActive(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setActive(Math.min(found.length - 1, at + 1));
          else if (event.key === "ArrowUp") setActive(Math.max(0, at - 1));
          else if (event.key === "Enter") run(found[at]);
          else return;
          event.preventDefault();
        }}
      />
      <ul id="palette-found" role="listbox" aria-label="Found">
        {found.map((entry, index) => (
          <li
            key={`${entry.kind}${entry.id}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseMove={() => setActive(index)}
            onClick={() => run(entry)}
          >
            <span>{entry.title}</span>
            <span className="quiet">{entry.kind}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="quiet palette-none">{asked.startsWith("arn:") ? "The console has no page for this ARN." : "Nothing has this name."}</p>}
    </Dialog>
  );
}
