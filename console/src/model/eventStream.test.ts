import { crc32 as zlib } from "node:zlib";
import { describe, expect, test } from "vitest";
import { crc32, eventOf, EventStreamReader } from "./eventStream";

/** A message as `crates/api/src/event_stream.rs` writes it. */
function message(headers: Readonly<Record<string, string>>, payload: string, extra: readonly number[] = []): Uint8Array {
  const head = [
    ...Object.entries(headers).flatMap(([name, value]) => {
      const bytes = Buffer.from(value);
      return [name.length, ...Buffer.from(name), 7, bytes.length >> 8, bytes.length & 255, ...bytes];
    }),
    ...extra,
  ];
  const body = Buffer.from(payload);
  const bytes = Buffer.alloc(12 + head.length + body.length + 4);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(head.length, 4);
  bytes.writeUInt32BE(zlib(bytes.subarray(0, 8)), 8);
  bytes.set(head, 12);
  bytes.set(body, 12 + head.length);
  bytes.writeUInt32BE(zlib(bytes.subarray(0, bytes.length - 4)), bytes.length - 4);
  return new Uint8Array(bytes);
}

const update = message({ ":event-type": "sessionUpdate", ":message-type": "event" }, '{"sessionResults":[{"message":"Gr\u00fc\u00dfe"}]}');

test("the vector of the AWS SDKs is read", () => {
  const bytes = message({ "content-type": "application/json" }, "{'foo':'bar'}");
  expect([...bytes.subarray(0, 12)]).toEqual([0, 0, 0, 0x3d, 0, 0, 0, 0x20, 0x07, 0xfd, 0x83, 0x96]);
  const [read] = new EventStreamReader().push(bytes);
  expect(read?.headers).toEqual({ "content-type": "application/json" });
  expect(new TextDecoder().decode(read?.payload)).toBe("{'foo':'bar'}");
});

test("checksums are zlib's", () => {
  for (const text of ["", "a", "123456789", "x".repeat(1_000)]) expect(crc32(Buffer.from(text))).toBe(zlib(Buffer.from(text)));
});

test("messages are the same however their bytes are cut", () => {
  const three = new Uint8Array([...update, ...update, ...message({ ":exception-type": "SessionTimeoutException", ":message-type": "exception" }, '{"message":"over"}')]);
  const whole = new EventStreamReader().push(three).map(eventOf);
  expect(whole).toEqual([
    { kind: "event", type: "sessionUpdate", data: { sessionResults: [{ message: "Grüße" }] } },
    { kind: "event", type: "sessionUpdate", data: { sessionResults: [{ message: "Grüße" }] } },
    { kind: "error", code: "SessionTimeoutException", message: "over" },
  ]);
  for (const size of [1, 7, 64]) {
    const reader = new EventStreamReader();
    const found = [];
    for (let at = 0; at < three.length; at += size) found.push(...reader.push(three.subarray(at, at + size)).map(eventOf));
    expect(found).toEqual(whole);
  }
});

test("headers that are no texts are passed over", () => {
  const bytes = message({ ":event-type": "a" }, "", [1, 0x62, 0, 1, 0x63, 4, 0, 0, 0, 9, 1, 0x64, 6, 0, 2, 1, 2]);
  expect(new EventStreamReader().push(bytes)[0]?.headers).toEqual({ ":event-type": "a" });
});

describe("what is broken is refused", () => {
  test("a changed payload", () => {
    const changed = update.slice();
    changed[changed.length - 6] = 0;
    expect(() => new EventStreamReader().push(changed)).toThrow(/checksum/);
  });
  test("a changed length, before anything is kept of it", () => {
    const changed = update.slice();
    changed[0] = 0x7f;
    expect(() => new EventStreamReader().push(changed)).toThrow(/checksum/);
  });
});
