"""`serve --sandbox namespaces`: what a function sees of the machine, and that everything else is as without it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import REPOSITORY, Server, wait_until


@pytest.fixture(scope="module")
def server():
    allowed = shutil.which("unshare") and subprocess.run(["unshare", "-Urmpf", "true"], capture_output=True).returncode == 0
    if not allowed:
        pytest.skip("this machine allows no user namespaces")
    # Not below /tmp, which no function sees: the server has to hide it.
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "target") as data, Server(data, "--sandbox", "namespaces") as running:
        yield running
        running.stop()


def test_a_function_finds_its_directories_where_lambda_has_them(server, name):
    source = """
    import { readdirSync, writeFileSync, readFileSync, existsSync } from 'node:fs';
    import { tmpdir } from 'node:os';
    export const handler = async () => {
      const before = readdirSync('/tmp');
      writeFileSync('/tmp/mine', 'x');
      return { before, root: process.env.LAMBDA_TASK_ROOT, runtime: process.env.LAMBDA_RUNTIME_DIR, cwd: process.cwd(),
               tmp: tmpdir(), code: readdirSync('/var/task'), bootstrap: existsSync('/var/runtime/bootstrap.mjs') };
    };
    """
    function = name("f")
    server.create_function(function, source)
    assert server.invoke(function)["Payload"] == {
        "before": [],
        "root": "/var/task",
        "runtime": "/var/runtime",
        "cwd": "/var/task",
        "tmp": "/tmp",
        "code": ["index.mjs"],
        "bootstrap": True,
    }


def test_a_function_writes_to_its_temporary_directory_only(server, name):
    source = """
    import { writeFileSync } from 'node:fs';
    export const handler = async () => ['/x', '/etc/x', '/usr/x', '/var/task/x', '/var/x', '/opt/x', '/tmp/x'].map((file) => {
      try { writeFileSync(file, ''); return 'written'; } catch (error) { return error.code; }
    });
    """
    function = name("f")
    server.create_function(function, source)
    assert server.invoke(function)["Payload"] == ["EROFS"] * 6 + ["written"]


def test_a_function_sees_no_process_but_its_own_and_not_the_data_of_the_server(server, name):
    source = """
    import { readdirSync, readFileSync } from 'node:fs';
    export const handler = async ({ data }) => {
      const list = (directory) => { try { return readdirSync(directory); } catch (error) { return error.code; } };
      const names = readdirSync('/proc').filter((name) => /^\\d+$/.test(name));
      const capabilities = /CapEff:\\s*(\\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
      return { processes: names.length, data: list(data), capabilities };
    };
    """
    function = name("f")
    server.create_function(function, source)
    seen = server.invoke(function, {"data": str(server.data)})["Payload"]
    assert seen["processes"] == 2, "the namespace's first process, and the runtime"
    assert seen["data"] == []
    assert int(seen["capabilities"], 16) == 0


def test_a_function_reaches_the_server(server, name):
    source = """
    export const handler = async () => (await fetch(process.env.AWS_ENDPOINT_URL + '/health')).status;
    """
    function = name("f")
    server.create_function(function, source)
    assert server.invoke(function)["Payload"] == 200


def test_exits_and_signals_are_told_as_without_a_sandbox(server, name):
    source = """
    import { spawn } from 'node:child_process';
    export const handler = async ({ code, signal }) => {
      if (code !== undefined) process.exit(code);
      if (signal) { process.kill(process.pid, signal); await new Promise((done) => setTimeout(done, 20000)); }
      return 'well';
    };
    """
    function = name("f")
    server.create_function(function, source)
    for event, message in [
        ({"code": 3}, "exit status 3"),
        ({"signal": "SIGKILL"}, "signal: killed"),
        ({"signal": "SIGSEGV"}, "signal: segmentation fault"),
    ]:
        failed = server.invoke(function, event)["Payload"]
        assert failed["errorType"] == "Runtime.ExitError"
        assert failed["errorMessage"].endswith(message)
    assert server.invoke(function)["Payload"] == "well"


def test_a_timeout_ends_everything_in_the_namespace(server, name):
    source = """
    import { spawn } from 'node:child_process';
    export const handler = async () => {
      spawn('setsid', ['sh', '-c', 'setsid sleep 4711 & sleep 4711'], { detached: true, stdio: 'ignore' });
      await new Promise((done) => setTimeout(done, 60000));
    };
    """
    function = name("f")
    server.create_function(function, source, Timeout=1)
    assert server.invoke(function)["Payload"]["errorType"] == "Sandbox.Timedout"

    def sleepers():
        return subprocess.run(["pgrep", "-f", "sleep 4711"], capture_output=True, text=True).stdout.split()

    wait_until(lambda: not sleepers(), "the processes of the function to be gone")


def test_memory_is_limited_in_a_sandbox_too(server, name):
    source = """
    export const handler = async () => {
      const kept = [];
      for (;;) { kept.push(Buffer.alloc(8 << 20, 1)); await new Promise((resolve) => setTimeout(resolve, 1)); }
    };
    """
    function = name("f")
    server.create_function(function, source, Timeout=60, MemorySize=192)
    assert server.invoke(function)["Payload"]["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError")


def test_a_function_does_not_see_the_access_keys_of_the_server(server, name):
    with tempfile.TemporaryDirectory(dir=REPOSITORY / "target") as directory:
        keys = Path(directory) / "keys"
        key = ("AKIAALICE0000000TEST", "alice-secret-of-forty-characters-0000000", None)
        keys.write_text(f"[alice]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}\n")
        keys.chmod(0o600)
        locked = Server(Path(directory) / "data", "--sandbox", "namespaces", "--access-keys", keys)
        locked.key = key
        with locked:
            function = name("f")
            source = f"import {{ readFileSync }} from 'node:fs'; export const handler = async () => readFileSync({str(keys)!r}, 'utf8');"
            locked.create_function(function, source)
            reply = locked.invoke(function)
            assert reply["Payload"] == "" or reply.get("FunctionError"), reply
            assert "secret" not in str(reply["Payload"])
