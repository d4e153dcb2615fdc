// The Lambda Runtime API over one inherited socket. `node:http` would cost four to six times as much a call.
import net from "node:net";

const ROOT = "/2018-06-01/runtime";
const AGENT = `User-Agent: stepwell-node/${process.versions.node}\r\n`;
const NEXT = `GET ${ROOT}/invocation/next HTTP/1.1\r\nHost: runtime\r\n${AGENT}\r\n`;
const HEAD_END = Buffer.from("\r\n\r\n");
// Texts up to this length are sent as one string with their head; longer ones as a buffer of their own.
const SHORT = 16384;

export class Client {
  #socket;
  #input;
  #onInvocation;
  #onGone;
  #isShared = false;

  /** @param onGone called when the service has closed the connection: nobody will ever invoke again. */
  constructor(descriptor, onGone) {
    this.#socket = new net.Socket({ fd: descriptor, readable: true, writable: true });
    this.#onGone = onGone;
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("error", onGone);
    this.#socket.on("close", onGone);
    // Only an open `next` keeps the process alive: an empty loop inside an invocation must be noticed.
    this.#socket.unref();
  }

  /** Asks for as many invocations as may run at one time; `onInvocation(headers, body)` runs for each. */
  start(onInvocation, concurrency) {
    this.#onInvocation = onInvocation;
    this.#isShared = concurrency > 1;
    this.#socket.ref();
    this.#socket.write(NEXT.repeat(concurrency));
  }

  /** Answers the open invocation and asks for the next one in the same write. */
  response(requestId, text) {
    this.#post(`/invocation/${requestId}/response`, text, NEXT);
  }

  /** Fails the open invocation and asks for the next one. */
  error(requestId, text) {
    this.#post(`/invocation/${requestId}/error`, text, NEXT);
  }

  /** Fails the open invocation for good; `then` runs when the text is sent. */
  lastError(requestId, text, then) {
    this.#post(`/invocation/${requestId}/error`, text, "", then);
  }

  /** Says that the handler could not be loaded; `then` runs when the text is sent. */
  initError(text, then) {
    this.#post("/init/error", text, "", then);
  }

  /** Begins to answer the open invocation with a body that comes as it is written. */
  beginStream(requestId, contentType) {
    this.#socket.write(
      `POST ${ROOT}/invocation/${requestId}/response HTTP/1.1\r\nHost: runtime\r\nContent-Type: ${contentType}\r\n` +
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n" +
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n",
    );
  }

  /** Sends a part of that body; `then` runs when there is room for more. */
  sendChunk(bytes, then) {
    const socket = this.#socket;
    socket.cork();
    socket.write(`${bytes.length.toString(16)}\r\n`);
    socket.write(bytes);
    socket.write("\r\n", then);
    process.nextTick(() => socket.uncork());
  }

  /** Ends that body; `then` runs when the text is sent. */
  endStream(then) {
    this.#socket.write("0\r\n\r\n", then);
  }

  /** Asks for the next invocation, after a body that came as it was written. */
  next() {
    this.#socket.ref();
    this.#socket.write(NEXT);
  }

  /** Ends that body with an error; `then` runs when the text is sent. `isLast`: asks for nothing more. */
  failStream(type, text, isLast, then) {
    this.#socket.ref();
    const trailers =
      `0\r\nLambda-Runtime-Function-Error-Type: ${type}\r\n` +
      `Lambda-Runtime-Function-Error-Body: ${Buffer.from(text).toString("base64")}\r\n\r\n`;
    this.#socket.write(isLast ? trailers : trailers + NEXT, then);
  }

  #post(path, text, after, then) {
    const socket = this.#socket;
    socket.ref();
    const head = (length) =>
      `POST ${ROOT}${path} HTTP/1.1\r\nHost: runtime\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    if (text.length <= SHORT) {
      socket.write(head(Buffer.byteLength(text)) + text + after, then);
      return;
    }
    const body = Buffer.from(text);
    socket.cork();
    socket.write(head(body.length));
    socket.write(body, after === "" ? then : undefined);
    if (after !== "") socket.write(after, then);
    socket.uncork();
  }

  #receive(chunk) {
    this.#input = this.#input === undefined ? chunk : Buffer.concat([this.#input, chunk]);
    while (this.#input !== undefined) {
      const message = parse(this.#input);
      if (message === undefined) return;
      const { status, headers, body, length, missing } = message;
      if (missing > 0) {
        this.#await(missing);
        return;
      }
      this.#input = length < this.#input.length ? this.#input.subarray(length) : undefined;
      // Answers to posts need nothing done: the service has told the caller what it made of them.
      if (status === 200) {
        if (!this.#isShared) this.#socket.unref();
        this.#onInvocation(headers, body);
      }
    }
  }

  // Gathers a long body without joining buffers again for every chunk.
  #await(missing) {
    const chunks = [this.#input];
    this.#socket.removeAllListeners("data");
    this.#socket.on("data", (chunk) => {
      chunks.push(chunk);
      missing -= chunk.length;
      if (missing > 0) return;
      this.#socket.removeAllListeners("data");
      this.#socket.on("data", (later) => this.#receive(later));
      this.#input = undefined;
      this.#receive(Buffer.concat(chunks));
    });
  }
}

function parse(input) {
  const headEnd = input.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const lines = input.toString("utf8", 0, headEnd).split("\r\n");
  const status = Number(lines[0].slice(9, 12));
  const headers = Object.create(null);
  for (let at = 1; at < lines.length; at++) {
    const colon = lines[at].indexOf(":");
    headers[lines[at].slice(0, colon).toLowerCase()] = lines[at].slice(colon + 2);
  }
  const bodyAt = headEnd + 4;
  const length = bodyAt + Number(headers["content-length"]);
  if (length > input.length) return { missing: length - input.length };
  return { status, headers, body: input.toString("utf8", bodyAt, length), length, missing: 0 };
}
