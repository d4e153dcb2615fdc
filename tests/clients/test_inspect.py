"""Debugging functions: a port that stays, breakpoints that bind, and time that stands still."""

import json
import socket
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import ROLE, Dev, Server, package, wait_until
from inspector import Inspector

# A handler that asks for the time that is left, before and after a line to stop at.
SOURCE = """
exports.handler = async (event, context) => {
  const before = context.getRemainingTimeInMillis();
  const answer = 40 + 2;
  return { answer, before, after: context.getRemainingTimeInMillis(), pid: process.pid };
};
"""
LINE_OF_ANSWER = 3


def free_ports():
    """The first of some ports in a row that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return max(1024, probe.getsockname()[1] - 16)


def inspector_port(process, function):
    """The port that a server says a function has."""
    while True:
        words = process.next_line().split()
        if words[:2] == ["inspector", function]:
            return int(words[2].rsplit(":", 1)[1])


@pytest.fixture
def debugged(tmp_path):
    with Server(tmp_path / "data", f"--inspect={free_ports()}") as server:
        yield server


def create(server, name, source=SOURCE, timeout=1):
    """A function in CommonJS; returns its port."""
    server.functions.create_function(
        FunctionName=name,
        Runtime="nodejs20.x",
        Role=ROLE,
        Handler="index.handler",
        Timeout=timeout,
        Code={"ZipFile": package({"index.js": source})},
    )
    return inspector_port(server.process, name)


def test_time_stands_still_while_a_function_is_stopped_at_a_breakpoint(debugged):
    port = create(debugged, "stops", timeout=1)
    with Inspector(port) as inspector, ThreadPoolExecutor() as threads:
        inspector.call("Debugger.enable")
        inspector.call("Debugger.setBreakpointByUrl", urlRegex=r".*/index\.js$", lineNumber=LINE_OF_ANSWER)
        running = threads.submit(debugged.invoke, "stops")
        paused = inspector.wait_for("Debugger.paused")
        assert paused["callFrames"][0]["location"]["lineNumber"] == LINE_OF_ANSWER
        # What is waited for is the time itself: two and a half time-outs.
        time.sleep(2.5)
        assert not running.done()
        inspector.call("Debugger.resume")
        answer = running.result()
    assert "FunctionError" not in answer, answer
    assert answer["Payload"]["answer"] == 42
    assert (answer["Payload"]["before"], answer["Payload"]["after"]) == (1000, 1000)


def test_without_a_debugger_the_time_goes_on(debugged):
    source = "exports.handler = () => new Promise(() => setInterval(() => {}, 1000));"
    create(debugged, "hangs", source)
    answer = debugged.invoke("hangs")
    assert answer["FunctionError"] == "Unhandled"
    assert "timed out after 1.00 seconds" in json.dumps(answer["Payload"])


def test_a_function_that_is_debugged_runs_in_one_environment(debugged):
    create(debugged, "single", timeout=10)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: debugged.invoke("single")["Payload"]["pid"], range(8)))
    assert len(set(answers)) == 1


def test_a_port_stays_with_its_function(debugged):
    second = create(debugged, "second")
    first = create(debugged, "first")
    assert first != second
    debugged.stop()
    debugged.start_process()
    told = {}
    for _ in range(2):
        _, name, address = debugged.process.next_line().split()
        told[name] = int(address.rsplit(":", 1)[1])
    assert told == {"first": first, "second": second}


def test_new_code_is_found_at_the_same_port(debugged):
    port = create(debugged, "changes", timeout=10)
    before = debugged.invoke("changes")["Payload"]["pid"]
    with Inspector(port) as inspector:
        inspector.call("Runtime.enable")
    debugged.functions.update_function_code(
        FunctionName="changes", ZipFile=package({"index.js": "// moved\n" + SOURCE})
    )

    def attached_to_new_code():
        # The old process may be on its way out: then an editor attaches again, and so does this.
        try:
            inspector = Inspector(port)
            inspector.call("Debugger.enable")
            inspector.call("Debugger.setBreakpointByUrl", urlRegex=r".*/index\.js$", lineNumber=LINE_OF_ANSWER + 1)
            source = inspector.call("Runtime.evaluate", expression="process.pid")
            return inspector if source["result"]["value"] != before else inspector.close()
        except (AssertionError, OSError):
            return None

    with wait_until(attached_to_new_code, "the new process") as inspector, ThreadPoolExecutor() as threads:
        running = threads.submit(debugged.invoke, "changes")
        inspector.wait_for("Debugger.paused")
        inspector.call("Debugger.resume")
        assert running.result()["Payload"]["pid"] != before


def test_a_module_can_wait_for_its_debugger(tmp_path):
    with Server(tmp_path / "data", f"--inspect-brk={free_ports()}") as server, ThreadPoolExecutor() as threads:
        port = create(server, "waits", timeout=1)
        running = threads.submit(server.invoke, "waits")
        with Inspector(port) as inspector:
            inspector.call("Debugger.enable")
            # The first line of the module itself.
            inspector.call("Debugger.setBreakpointByUrl", urlRegex=r".*/index\.js$", lineNumber=1)
            assert not running.done()
            inspector.call("Runtime.runIfWaitingForDebugger")
            paused = inspector.wait_for("Debugger.paused")
            assert paused["callFrames"][0]["location"]["lineNumber"] == 1
            inspector.call("Debugger.resume")
            assert running.result()["Payload"]["answer"] == 42


def test_a_breakpoint_in_typescript_has_a_source_map_to_bind_by(tmp_path):
    application = tmp_path / "app"
    (application / "src").mkdir(parents=True)
    source = application / "src" / "app.ts"
    source.write_text("export const handler = async (event: { n: number }): Promise<number> => {\n  return event.n * 2;\n};\n")
    (application / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  Double:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {CodeUri: src, Handler: app.handler, Runtime: nodejs20.x, FunctionName: double}\n"
    )
    with Dev(application, f"--inspect={free_ports()}") as dev:
        port = dev.wait_for("inspector")["port"]
        with Inspector(port) as inspector:
            inspector.call("Debugger.enable")
            script = inspector.wait_for("Debugger.scriptParsed")
            while not script["url"].endswith("/app.js"):
                script = inspector.wait_for("Debugger.scriptParsed")
        map_url = urllib.parse.urljoin(script["url"], script["sourceMapURL"])
        with urllib.request.urlopen(map_url) as file:
            sources = json.loads(file.read())["sources"]
        assert source.resolve().as_uri() in sources


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with Server(tmp_path / "data", f"--inspect={taken.getsockname()[1]}") as server:
            server.create_function("f", "export const handler = async () => 1;")
            assert server.process.next_line().startswith("warning: no inspector for f: ")
            assert server.invoke("f")["Payload"] == 1
