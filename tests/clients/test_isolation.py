"""A function harms nobody but itself."""

import json

import pytest

from harness import Server, is_gone, wait_until

SECRET = "the-server-alone-knows-this"
MIB = 1 << 20
SERVER_MEMORY_MAX = 300 * MIB


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with something to hide."""
    with Server(tmp_path_factory.mktemp("data"), more_environment={"STEPWELL_TEST_SECRET": SECRET}) as running:
        yield running


@pytest.fixture(autouse=True)
def the_server_goes_on(server, name):
    """After every test, whatever its function did, another function runs and the server is the same process."""
    pid = server.process.pid
    yield
    function = name("after")
    server.create_function(function, "export const handler = async () => 'well';")
    assert server.invoke(function)["Payload"] == "well"
    assert server.process.is_running()
    assert server.process.pid == pid


def peak_memory(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def test_a_handler_does_not_see_the_environment_of_the_server(server, name):
    function = name("f")
    variables = {"OWN": "mine"}
    server.create_function(function, "export const handler = async () => process.env;", Environment={"Variables": variables})
    seen = server.invoke(function)["Payload"]
    assert seen["OWN"] == "mine"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == function
    assert seen["AWS_ENDPOINT_URL"] == server.url
    assert SECRET not in json.dumps(seen)
    assert not [variable for variable in seen if variable.startswith("STEPWELL")]


def test_a_handler_has_no_descriptor_of_the_server(server, name):
    source = """
    import { readdirSync, readlinkSync } from 'node:fs';
    export const handler = async () => readdirSync('/proc/self/fd').flatMap((fd) => {
      try { return [readlinkSync(`/proc/self/fd/${fd}`)]; } catch { return []; }
    });
    """
    function = name("f")
    server.create_function(function, source)
    opened = server.invoke(function)["Payload"]
    assert opened
    assert not [path for path in opened if path.startswith(str(server.data / "store"))]


def test_a_handler_that_prints_100_mb_is_bounded(server, name):
    source = """
    export const handler = async () => {
      const line = 'x'.repeat(1023) + '\\n';
      for (let mb = 0; mb < 100; mb += 1) {
        await new Promise((written) => process.stdout.write(line.repeat(1024), written));
      }
      return 'printed';
    };
    """
    function = name("f")
    server.create_function(function, source, Timeout=60)
    reply = server.invoke(function, LogType="Tail")
    assert reply["Payload"] == "printed"
    assert len(reply["LogResult"]) <= 4 * 1024 * 4 / 3 + 4, "AWS: the tail has 4 KiB"
    assert peak_memory(server.process.pid) < SERVER_MEMORY_MAX


def test_a_handler_that_leaks_memory_is_ended_at_its_limit(server, name):
    source = """
    const kept = [];
    export const handler = async () => {
      for (;;) {
        kept.push(Buffer.alloc(8 << 20, 1));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    """
    function = name("f")
    server.create_function(function, source, Timeout=60, MemorySize=128)
    reply = server.invoke(function)
    assert reply["FunctionError"] == "Unhandled"
    assert reply["Payload"]["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError"), reply["Payload"]


def test_a_handler_that_hangs_is_ended_at_its_timeout_and_its_process_with_it(server, name, tmp_path):
    file = tmp_path / "pid"
    source = f"""
    import {{ writeFileSync }} from 'node:fs';
    export const handler = () => {{ writeFileSync('{file}', String(process.pid)); for (;;); }};
    """
    function = name("f")
    server.create_function(function, source, Timeout=1)
    reply = server.invoke(function)
    assert (reply["FunctionError"], reply["Payload"]["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    pid = file.read_text()
    wait_until(lambda: is_gone(pid), "the process that hung to be gone")


def test_a_handler_that_exits_fails_its_own_invocation_only(server, name):
    function = name("f")
    server.create_function(function, "export const handler = async (e) => { if (e.exits) process.exit(3); return 'stayed'; };")
    reply = server.invoke(function, {"exits": True})
    assert (reply["FunctionError"], reply["Payload"]["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert reply["Payload"]["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert server.invoke(function)["Payload"] == "stayed"


def test_a_reply_over_6_mb_is_an_error_of_the_function(server, name):
    function = name("f")
    server.create_function(function, "export const handler = async () => 'x'.repeat(7 << 20);")
    reply = server.invoke(function)
    assert (reply["FunctionError"], reply["Payload"]["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_a_handler_that_kills_its_parent_is_not_permitted(server, name):
    function = name("f")
    server.create_function(function, "export const handler = async () => process.kill(process.ppid, 'SIGKILL');")
    reply = server.invoke(function)
    assert (reply["FunctionError"], reply["Payload"]["errorMessage"]) == ("Unhandled", "kill EPERM")


def test_processes_that_a_handler_detached_end_with_its_environment(server, name, tmp_path):
    file = tmp_path / "pid"
    source = f"""
    import {{ spawn }} from 'node:child_process';
    export const handler = async () => {{
      spawn('sh', ['-c', 'setsid sh -c "echo \\$\\$ > {file}; sleep 300" &'], {{ detached: true, stdio: 'ignore' }});
      await new Promise((never) => setTimeout(never, 60000));
    }};
    """
    server.create_function(function := name("f"), source, Timeout=1)
    assert server.invoke(function)["Payload"]["errorType"] == "Sandbox.Timedout"
    pid = wait_until(lambda: file.exists() and file.read_text().strip(), "the detached process to say who it is")
    wait_until(lambda: is_gone(pid), "the detached process to be gone")
