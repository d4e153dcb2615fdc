// Response streaming: `awslambda.streamifyResponse`, and the stream that such a handler writes its response to.
// Source: docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html.
import { Writable } from "node:stream";
import { logError } from "./console.mjs";
import { errorBody } from "./errors.mjs";

// AWS: the marks by which the runtime knows a streaming handler.
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const STREAM_RESPONSE = "response";
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");

const CONTENT_TYPE = "application/octet-stream";
const INTEGRATION = "application/vnd.awslambda.http-integration-response";
// AWS: what stands between the head of an HTTP response and its body.
const DELIMITER = Buffer.alloc(8);

/** Puts `awslambda` into the global scope. */
export function installStreaming() {
  const streamifyResponse = (handler, options) => {
    handler[STREAMING] = STREAM_RESPONSE;
    if (options?.highWaterMark !== undefined) handler[HIGH_WATER_MARK] = options.highWaterMark;
    return handler;
  };
  const HttpResponseStream = {
    /** The stream, whose first bytes will be the status, headers and cookies of `head`. */
    from(stream, head) {
      stream.setContentType(INTEGRATION);
      stream._onBeforeFirstWrite = (write) => {
        write(Buffer.from(JSON.stringify(head)));
        write(DELIMITER);
      };
      return stream;
    },
  };
  globalThis.awslambda = { ...globalThis.awslambda, streamifyResponse, HttpResponseStream };
}

/** Whether a handler takes `(event, responseStream, context)`. */
export function isStreaming(handler) {
  return handler[STREAMING] === STREAM_RESPONSE;
}

/**
 * Opens the response of one invocation: it is over once the handler has settled and the stream has ended.
 *
 * @param state `isDying()`: an error is ending the process; `isOver()` is called at the end.
 * @returns the stream; `settled()` says that the handler is done; `fail(error, then)` ends the invocation with an error:
 *   with `then`, which runs when that is sent, for good.
 */
export function openResponse(client, requestId, handler, state) {
  let isSettled = false;
  let isSent = false;
  let isOver = false;
  const stream = new ResponseStream({
    start: (contentType) => client.beginStream(requestId, contentType),
    send: (bytes, done) => client.sendChunk(bytes, done),
    end: (done) => client.endStream(done),
    highWaterMark: handler[HIGH_WATER_MARK],
  });
  const finish = (send) => {
    isOver = true;
    state.isOver();
    send();
  };
  const next = () => {
    if (isSettled && isSent && !isOver) finish(() => client.next());
  };
  const fail = (error, then) => {
    const isLast = then !== undefined;
    if (isOver || (!isLast && state.isDying())) {
      then?.();
      return;
    }
    if (!isLast) logError("Invoke Error", error);
    const text = errorBody(error);
    finish(() => {
      if (isSent) isLast ? then() : client.next();
      else if (stream.isStarted) client.failStream(headerText(JSON.parse(text).errorType), text, isLast, then);
      else if (isLast) client.lastError(requestId, text, then);
      else client.error(requestId, text);
    });
    stream.destroy();
  };
  stream.on("finish", () => {
    isSent = true;
    next();
  });
  stream.on("error", (error) => fail(error));
  const settled = () => {
    isSettled = true;
    next();
  };
  return { stream, settled, fail };
}

function headerText(text) {
  return String(text).replace(/[^\x21-\x7e]/g, "?");
}

/** The response of one invocation; `write` and `end` speak to the service. */
class ResponseStream extends Writable {
  #contentType = CONTENT_TYPE;
  #isStarted = false;
  #start;
  #send;
  #end;

  /**
   * @param start called once, before the first byte, with the content type.
   * @param send sends bytes; its second argument is called when they are on their way.
   * @param end called when all is sent.
   */
  constructor({ start, send, end, highWaterMark }) {
    super(highWaterMark === undefined ? {} : { highWaterMark });
    this.#start = start;
    this.#send = send;
    this.#end = end;
  }

  /** Whether the service has been told of the response. */
  get isStarted() {
    return this.#isStarted;
  }

  /** What the body is; without effect once the first byte is written. */
  setContentType(contentType) {
    this.#contentType = contentType;
  }

  _write(chunk, _encoding, done) {
    this.#begin();
    this.#put(chunk, done);
  }

  _writev(chunks, done) {
    this.#begin();
    this.#put(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  _final(done) {
    this.#begin();
    this.#end(done);
  }

  #begin() {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#start(this.#contentType);
    this._onBeforeFirstWrite?.((bytes) => this.#put(Buffer.from(bytes), () => {}));
  }

  // A chunk without bytes would be the end of the body.
  #put(bytes, done) {
    if (bytes.length === 0) done();
    else this.#send(bytes, done);
  }
}
