import { useQuery } from "@tanstack/react-query";
import { Redirect } from "wouter";
import { projectQuery } from "../../api/start";
import { Waiting } from "../../ui/parts";

/** Where a server's address leads: to the start page where an application is served, else to its state machines. */
export function Home() {
  const found = useQuery(projectQuery);
  if (found.data === undefined && found.error === null) {
    return (
      <main className="page">
        <h1 className="visually-hidden">Stepwell</h1>
        <Waiting what="what is served" />
      </main>
    );
  }
  const hasProject = found.data !== undefined && (found.data.project !== null || found.data.stacks.length > 0);
  return <Redirect to={hasProject ? "/start" : "/machines"} replace />;
}
