import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { readAgain } from "./again";

/** A query that somebody looks at, whose reads end when they are told to. */
function watched() {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const reads: { end: (value: number) => void; signal: AbortSignal }[] = [];
  const observer = new QueryObserver(client, {
    queryKey: ["history", "arn"],
    queryFn: ({ signal }) => new Promise<number>((end) => reads.push({ end, signal })),
  });
  const leave = observer.subscribe(() => {});
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { client, reads, observer, leave, settle };
}

test("changes during a read make one more, and do not begin it anew", async () => {
  const { client, reads, observer, leave, settle } = watched();
  for (let change = 0; change < 5; change += 1) readAgain(client, ["history"]);
  await settle();
  expect(reads).toHaveLength(1);
  expect(reads[0]?.signal.aborted).toBe(false);
  reads[0]?.end(1);
  await settle();
  expect(reads).toHaveLength(2);
  // The same for a read of what is there already.
  for (let change = 0; change < 5; change += 1) readAgain(client);
  await settle();
  expect(reads[1]?.signal.aborted).toBe(false);
  reads[1]?.end(2);
  await settle();
  reads[2]?.end(3);
  await settle();
  expect(reads).toHaveLength(3);
  expect(observer.getCurrentResult().data).toBe(3);
  leave();
});

test("what nobody reads now is read at once, and another key is left alone", async () => {
  const { client, reads, leave, settle } = watched();
  reads[0]?.end(1);
  await settle();
  readAgain(client, ["execution"]);
  await settle();
  expect(reads).toHaveLength(1);
  readAgain(client, ["history", "arn"]);
  await settle();
  expect(reads).toHaveLength(2);
  leave();
});
