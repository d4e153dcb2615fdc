/**
 * `application/vnd.amazon.eventstream`: messages of headers and a payload, each with two checksums.
 *
 * Source: Smithy, "Amazon Event Stream Specification".
 */

interface StreamMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Uint8Array;
}

/** Length of the message, length of the headers, checksum of these two. */
const PRELUDE_BYTES = 12;
/** AWS: a message has at most 24 MiB. */
const MESSAGE_BYTES_MAX = 24 << 20;
/** Bytes of a header's value by its type, for those that have no length of their own. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 };
const TEXT = 7;
const BYTES = 6;

/** Takes bytes as they come, and gives the messages that are whole. Fails on what is no event stream. */
export class EventStreamReader {
  #left = new Uint8Array(0);

  push(chunk: Uint8Array): StreamMessage[] {
    const bytes = joined(this.#left, chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const messages: StreamMessage[] = [];
    let at = 0;
    while (bytes.length - at >= PRELUDE_BYTES) {
      const length = view.getUint32(at);
      const headersLength = view.getUint32(at + 4);
      if (crc32(bytes.subarray(at, at + 8)) !== view.getUint32(at + 8)) throw new Error("the event stream is broken: a prelude has another checksum");
      if (length > MESSAGE_BYTES_MAX || headersLength > length - PRELUDE_BYTES - 4) throw new Error("the event stream is broken: a length is too large");
      if (bytes.length - at < length) break;
      const end = at + length;
      if (crc32(bytes.subarray(at, end - 4)) !== view.getUint32(end - 4)) throw new Error("the event stream is broken: a message has another checksum");
      const payloadAt = at + PRELUDE_BYTES + headersLength;
      messages.push({
        headers: readHeaders(bytes.subarray(at + PRELUDE_BYTES, payloadAt)),
        payload: bytes.slice(payloadAt, end - 4),
      });
      at = end;
    }
    this.#left = bytes.slice(at);
    return messages;
  }
}

function joined(before: Uint8Array, after: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(before.length + after.length);
  bytes.set(before);
  bytes.set(after, before.length);
  return bytes;
}

/** The headers whose values are texts; others are passed over. */
function readHeaders(bytes: Uint8Array): Record<string, string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const headers: Record<string, string> = {};
  let at = 0;
  while (at < bytes.length) {
    const nameLength = view.getUint8(at);
    const name = decoder.decode(bytes.subarray(at + 1, at + 1 + nameLength));
    at += 1 + nameLength;
    const type = view.getUint8(at);
    at += 1;
    const fixed = FIXED_BYTES[type];
    if (fixed !== undefined) {
      at += fixed;
      continue;
    }
    if (type !== TEXT && type !== BYTES) throw new Error(`the event stream is broken: a header has the unknown type ${type}`);
    const length = view.getUint16(at);
    if (type === TEXT) headers[name] = decoder.decode(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return headers;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xed_b8_83_20 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** The checksum of gzip and zip, which these streams have too. */
export function crc32(bytes: Uint8Array): number {
  let value = 0xff_ff_ff_ff;
  for (const byte of bytes) value = (TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return (value ^ 0xff_ff_ff_ff) >>> 0;
}

/** What a message of a stream of JSON events is. */
type StreamEvent =
  | { readonly kind: "event"; readonly type: string; readonly data: unknown }
  | { readonly kind: "error"; readonly code: string; readonly message: string };

export function eventOf(message: StreamMessage): StreamEvent {
  const { headers } = message;
  const text = new TextDecoder().decode(message.payload);
  let data: unknown = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    data = text;
  }
  const messageType = headers[":message-type"];
  if (messageType === "exception" || messageType === "error") {
    const said = typeof data === "object" && data !== null && "message" in data ? String(data.message) : "";
    return { kind: "error", code: headers[":exception-type"] ?? headers[":error-code"] ?? "Error", message: said || headers[":error-message"] || text };
  }
  return { kind: "event", type: headers[":event-type"] ?? "", data };
}
