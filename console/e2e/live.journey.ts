import { expect, test } from "vitest";
import { executionPath } from "../src/model/arn";
import { journeys } from "./journey";
import { flow } from "./machines";
import { Server } from "./server";

const server = new Server();
const visit = journeys(server);

test("what is shown survives a crash of the server", async () => {
  const machine = await server.createMachine("Crashed", flow);
  // The browser is there before it starts: what is to be seen lasts for seconds.
  const page = await visit("/executions");
  const execution = await server.start(machine, { items: [1], seconds: 6 }, "crashed");
  await page.goto(`${server.url}/console${executionPath(execution)}`);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.locator(".state.tone-busy", { hasText: "Short wait" }).waitFor();
  await server.restart();
  await page.getByText("Live", { exact: true }).waitFor();
  // The wait goes on in the new process; its end comes by the new stream.
  await page.getByRole("status", { name: "Status" }).getByText("Succeeded").waitFor();
  await page.locator(".state.tone-good", { hasText: "Done" }).waitFor();
});

/** Messages of the stream, as they come. */
async function* messages(url: string, headers: Record<string, string> = {}): AsyncGenerator<{ id: string; event: string; data: string }> {
  const response = await fetch(url, { headers });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += new TextDecoder().decode(chunk as Uint8Array);
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = Object.fromEntries(text.slice(0, end).split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
      text = text.slice(end + 2);
      if (fields["id"]) yield { id: fields["id"], event: fields["event"] ?? "", data: fields["data"] ?? "" };
    }
  }
}

test("who comes back gets what it missed, once", async () => {
  const machine = await server.createMachine("Streamed", flow);
  const stream = `${server.url}/console/live`;
  const started: string[] = [];
  const begin = async (): Promise<void> => void started.push(await server.start(machine, { items: [], seconds: 0 }));
  const first = messages(stream);
  const firstMessage = first.next();
  // The stream counts its client before it answers; until then nobody listens.
  const waiting = setInterval(() => void begin(), 200);
  const { value: seen } = await firstMessage;
  if (!seen) throw new Error("the stream told nothing");
  // One client listens all the time: what happens while nobody does is in no message, and who comes back is told to read again.
  const keeper = messages(stream);
  const { value: missed } = await keeper.next();
  clearInterval(waiting);
  await first.return(undefined);
  const back = messages(stream, { "last-event-id": seen.id });
  const ids: string[] = [];
  for await (const message of back) {
    ids.push(message.id);
    if (message.id === missed?.id) break;
  }
  await keeper.return(undefined);
  const number = (id: string): number => Number(id.split("-").pop());
  const from = number(seen.id);
  expect(ids.map(number)).toEqual(Array.from({ length: number(missed?.id ?? "") - from }, (_, index) => from + index + 1));
  // Of another run of the server: everything must be read again.
  const other = messages(stream, { "last-event-id": "another-run-7" });
  expect((await other.next()).value).toMatchObject({ event: "reset" });
  await other.return(undefined);
});

test("no page of another origin listens", async () => {
  const answered = await fetch(`${server.url}/console/live`, { headers: { origin: "http://page.example" } });
  expect(answered.status).toBe(403);
  await answered.body?.cancel();
});
