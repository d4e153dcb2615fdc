// The Lambda Runtime API over one inherited socket. `node:http` would cost four to six times as much a call.
import net from "node:net";

const ROOT = "/2018-06-01/runtime";
const AGENT = `User-Agent: stepwell-node/${process.versions.node}\r\n`;
const NEXT = `GET ${ROOT}/invocation/next HTTP/1.1\r\nHost: runtime\r\n${AGENT}\r\n`;
const HEAD_END = Buffer.from("\r\n\r\n");
const INVOCATION = "HTTP/1.1 200 ";
const CONTENT_LENGTH = "\r\nContent-Length: ";
// Texts up to this length are sent as one string with their head; longer ones as a buffer of their own.
const SHORT = 16384;
// Bytes of one read, as many as Node.js reads at most.
const READ = 65536;

export class Client {
  #socket;
  // What has come and is no whole message; a long body is gathered in a buffer of its length, filled up to `#filled`.
  #input;
  #filled;
  #onInvocation;
  #onGone;
  #isShared = false;

  /** @param onGone called when the service has closed the connection: nobody will ever invoke again. */
  constructor(descriptor, onGone) {
    // Read into one buffer, again and again: a stream of buffers would cost a third more a call.
    const buffer = Buffer.allocUnsafeSlow(READ);
    const onread = { buffer, callback: (length) => this.#receive(buffer.subarray(0, length)) };
    this.#socket = new net.Socket({ fd: descriptor, readable: true, writable: true, onread });
    this.#onGone = onGone;
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
      const length = Buffer.byteLength(text);
      // One byte for each character is the same in both, and written faster as what it is.
      socket.write(head(length) + text + after, length === text.length ? "latin1" : "utf8", then);
      return;
    }
    const body = Buffer.from(text);
    socket.cork();
    socket.write(head(body.length));
    socket.write(body, after === "" ? then : undefined);
    if (after !== "") socket.write(after, then);
    socket.uncork();
  }

  // `chunk` is overwritten by the next read.
  #receive(chunk) {
    if (this.#filled !== undefined) {
      const taken = chunk.copy(this.#input, this.#filled);
      this.#filled += taken;
      if (this.#filled < this.#input.length) return;
      const whole = this.#input;
      this.#input = undefined;
      this.#filled = undefined;
      this.#read(whole);
      chunk = chunk.subarray(taken);
      if (chunk.length === 0) return;
    }
    this.#read(this.#input === undefined ? chunk : Buffer.concat([this.#input, chunk]));
  }

  #read(input) {
    this.#input = undefined;
    while (input.length > 0) {
      const message = parse(input);
      if (message === undefined) {
        this.#input = Buffer.from(input);
        return;
      }
      const { isInvocation, head, bodyAt, length } = message;
      if (length > input.length) {
        this.#input = Buffer.allocUnsafeSlow(length);
        this.#filled = input.copy(this.#input);
        return;
      }
      const body = isInvocation ? input.toString("utf8", bodyAt, length) : undefined;
      input = input.subarray(length);
      // Answers to posts need nothing done: the service has told the caller what it made of them.
      if (isInvocation) {
        if (!this.#isShared) this.#socket.unref();
        this.#onInvocation(new Headers(head), body);
      }
    }
  }
}

/** What the head of an invocation says; undefined where it does not. The service writes each header once, under one name. */
class Headers {
  #head;

  constructor(head) {
    this.#head = head;
  }

  get requestId() {
    return header(this.#head, "\r\nLambda-Runtime-Aws-Request-Id: ");
  }

  get deadlineMs() {
    return header(this.#head, "\r\nLambda-Runtime-Deadline-Ms: ");
  }

  get functionArn() {
    return header(this.#head, "\r\nLambda-Runtime-Invoked-Function-Arn: ");
  }

  get traceId() {
    return header(this.#head, "\r\nLambda-Runtime-Trace-Id: ");
  }

  get clientContext() {
    return header(this.#head, "\r\nLambda-Runtime-Client-Context: ");
  }

  get identity() {
    return header(this.#head, "\r\nLambda-Runtime-Cognito-Identity: ");
  }

  /** Ours: how much time is left for as long as it stands still. */
  get stillMs() {
    return header(this.#head, "\r\nStepwell-Time-Stands-Still-Ms: ");
  }
}

function header(head, name) {
  const at = head.indexOf(name);
  if (at < 0) return undefined;
  const from = at + name.length;
  const end = head.indexOf("\r\n", from);
  return end < 0 ? head.slice(from) : head.slice(from, end);
}

function parse(input) {
  const headEnd = input.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = input.toString("utf8", 0, headEnd);
  const bodyAt = headEnd + 4;
  const length = bodyAt + Number(header(head, CONTENT_LENGTH));
  return { isInvocation: head.startsWith(INVOCATION), head, bodyAt, length };
}
