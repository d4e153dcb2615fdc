// InvokeWithResponseStream through the AWS SDK for JavaScript: its reader checks both checksums of every message.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { CreateFunctionCommand, InvokeWithResponseStreamCommand, LambdaClient } from "@aws-sdk/client-lambda";

import { startServer, storedZip } from "./server.mjs";

const SOURCE = `
export const words = awslambda.streamifyResponse(async (event, stream, context) => {
  for (const word of event.words) await new Promise((done) => stream.write(word, done));
  if (event.fails) throw new RangeError("no more words");
  stream.end();
});
`;

let server;
let functions;

before(async () => {
  server = await startServer();
  functions = new LambdaClient(server.options);
  await functions.send(
    new CreateFunctionCommand({
      FunctionName: "words",
      Runtime: "nodejs22.x",
      Role: "arn:aws:iam::123456789012:role/any",
      Handler: "index.words",
      Code: { ZipFile: storedZip("index.mjs", SOURCE) },
    }),
  );
});

after(async () => {
  functions?.destroy();
  await server?.stop();
});

async function read(event) {
  const reply = await functions.send(
    new InvokeWithResponseStreamCommand({ FunctionName: "words", Payload: JSON.stringify(event) }),
  );
  assert.equal(reply.StatusCode, 200);
  assert.equal(reply.ExecutedVersion, "$LATEST");
  const words = [];
  let last;
  for await (const { PayloadChunk, InvokeComplete } of reply.EventStream) {
    if (PayloadChunk !== undefined) words.push(Buffer.from(PayloadChunk.Payload).toString());
    if (InvokeComplete !== undefined) last = InvokeComplete;
  }
  return { text: words.join(""), last };
}

test("the parts of a response and its end", async () => {
  const { text, last } = await read({ words: ["one ", "zwö ", "three"] });
  assert.equal(text, "one zwö three");
  assert.equal(last.ErrorCode, undefined);
});

test("an error in the middle", async () => {
  const { text, last } = await read({ words: ["one"], fails: true });
  assert.equal(text, "one");
  assert.equal(last.ErrorCode, "Unhandled");
  assert.equal(JSON.parse(last.ErrorDetails).errorType, "RangeError");
});
