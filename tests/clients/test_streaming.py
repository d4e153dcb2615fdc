"""InvokeWithResponseStream over boto3."""

import json
import threading

import pytest
from botocore.exceptions import ClientError

COUNTS = """
import fs from 'node:fs';
export const handler = awslambda.streamifyResponse(async ({ gate }, stream, context) => {
  stream.write('first ');
  while (!fs.existsSync(gate)) await new Promise((go) => setTimeout(go, 5));
  stream.write('second');
  console.log('counted');
  stream.end();
});
"""
BREAKS = """
export const handler = awslambda.streamifyResponse(async ({ first }, stream) => {
  if (first) await new Promise((done) => stream.write(first, done));
  const error = new Error('no more'); error.name = 'Broken'; throw error;
});
"""
FLOODS = """
import { pipeline } from 'node:stream/promises';
export const handler = awslambda.streamifyResponse(async ({ parts }, stream) => {
  const part = Buffer.alloc(1 << 20, 'x');
  await pipeline(async function* () { for (let n = 0; n < parts; n++) yield part; }, stream);
});
"""


def stream(server, function, payload, **more):
    return server.functions.invoke_with_response_stream(FunctionName=function, Payload=json.dumps(payload), **more)


def parts(reply):
    """The bytes of all parts, and the last event."""
    body, last = b"", None
    for event in reply["EventStream"]:
        assert last is None, "nothing follows the end"
        if "PayloadChunk" in event:
            body += event["PayloadChunk"]["Payload"]
        else:
            last = event["InvokeComplete"]
    return body, last


def test_parts_arrive_while_the_handler_writes(server, name, tmp_path):
    gate = tmp_path / "gate"
    function = name("streams")
    server.create_function(function, COUNTS, Timeout=30)
    reply = stream(server, function, {"gate": str(gate)}, LogType="Tail")
    assert (reply["StatusCode"], reply["ExecutedVersion"]) == (200, "$LATEST")
    events = iter(reply["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"first "
    gate.touch()
    assert next(events)["PayloadChunk"]["Payload"] == b"second"
    last = next(events)["InvokeComplete"]
    assert "ErrorCode" not in last and last["LogResult"], last
    # A caller of Invoke gets the response whole.
    whole = server.functions.invoke(FunctionName=function, Payload=json.dumps({"gate": str(gate)}))
    assert whole["Payload"].read() == b"first second"


def test_an_error_is_the_last_event(server, name):
    function = name("breaks")
    server.create_function(function, BREAKS)
    for first in ["", "some"]:
        body, last = parts(stream(server, function, {"first": first}))
        assert body == first.encode()
        assert last["ErrorCode"] == "Unhandled"
        details = json.loads(last["ErrorDetails"])
        assert (details["errorType"], details["errorMessage"]) == ("Broken", "no more")


def test_a_handler_that_does_not_stream_gives_one_part(server, name):
    function = name("plain")
    server.create_function(function, "export const handler = async (event) => event;")
    assert parts(stream(server, function, {"a": 1})) == (b'{"a":1}', {})


def test_what_does_not_run_is_an_error_of_the_request(server):
    with pytest.raises(ClientError) as caught:
        stream(server, "nobody", {})
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_more_than_memory_would_like_is_streamed(server, name):
    function = name("floods")
    server.create_function(function, FLOODS, Timeout=60)
    readers, lengths = [], []
    for _ in range(2):
        reader = threading.Thread(target=lambda: lengths.append(len(parts(stream(server, function, {"parts": 30}))[0])))
        reader.start()
        readers.append(reader)
    for reader in readers:
        reader.join()
    assert lengths == [30 << 20] * 2
