"""Runtimes beside Node.js: Python through AWS's own client, a Rust function built on the lambda_runtime crate."""

import base64
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness import REPOSITORY, ROLE, package

PYTHON = """
import json, os, sys

class OrderRejected(Exception):
    pass

def handler(event, context):
    print("two\\nlines")
    if event.get("fail"):
        raise OrderRejected("no stock")
    if event.get("set"):
        return {1, 2}
    if event.get("exit"):
        os._exit(3)
    return {
        "event": event,
        "function": context.function_name,
        "request": context.aws_request_id,
        "left": context.get_remaining_time_in_millis() > 0,
        "version": list(sys.version_info[:2]),
        "handler": os.environ["_HANDLER"],
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
    }
"""
RUST = Path(__file__).parent / "rust-function"


def create(functions, name, runtime, handler, files, **more):
    functions.create_function(
        FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler, Timeout=30, Code={"ZipFile": package(files)}, **more
    )


@pytest.fixture(scope="module")
def python(server):
    """A Python function; the first one installs AWS's client into the server's cache."""
    pip = subprocess.run(["python3", "-m", "pip", "--version"], capture_output=True)
    if pip.returncode != 0:
        pytest.skip("python3 with pip is not there")
    create(server.functions, "python", "python3.11", "app.handler", {"app.py": PYTHON})
    return "python"


def test_a_python_function_gets_event_and_context(server, python):
    reply = server.invoke(python, {"a": "ü"}, LogType="Tail")
    answer = reply["Payload"]
    assert (answer["event"], answer["function"], answer["handler"]) == ({"a": "ü"}, python, "app.handler")
    assert answer["left"] is True
    assert answer["endpoint"] == server.url
    assert answer["request"] == reply["ResponseMetadata"]["RequestId"]


def test_a_python_error_has_its_class_and_stack_trace(server, python):
    reply = server.invoke(python, {"fail": True})
    assert reply["FunctionError"] == "Unhandled"
    assert reply["Payload"]["errorType"] == "OrderRejected"
    assert reply["Payload"]["errorMessage"] == "no stock"
    assert "app.py" in reply["Payload"]["stackTrace"][0]


def test_a_python_value_without_json_is_a_marshal_error(server, python):
    assert server.invoke(python, {"set": True})["Payload"]["errorType"] == "Runtime.MarshalError"


def test_a_python_process_that_exits_is_replaced(server, python):
    assert server.invoke(python, {"exit": True})["Payload"]["errorType"] == "Runtime.ExitError"
    assert server.invoke(python, {"again": 1})["Payload"]["event"] == {"again": 1}


def test_a_python_module_that_is_not_there_says_so(server, python, name):
    function = name("f")
    create(server.functions, function, "python3.11", "nowhere.handler", {"app.py": PYTHON})
    failed = server.invoke(function)["Payload"]
    assert failed["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'nowhere'" in failed["errorMessage"]


def layer(functions, name, files):
    published = functions.publish_layer_version(LayerName=name, Content={"ZipFile": package(files)})
    return published["LayerVersionArn"]


def test_a_layer_is_found_by_python_and_by_node(server, python, name):
    arn = layer(
        server.functions,
        name("both"),
        {
            "python/shared.py": "value = 'of the layer'",
            "nodejs/node_modules/shared/index.js": "module.exports = 'of the layer'",
            "nodejs/node_modules/shared/package.json": "{}",
        },
    )
    in_python, in_node = name("py"), name("js")
    create(
        server.functions,
        in_python,
        "python3.11",
        "app.handler",
        {"app.py": "import shared\ndef handler(event, context): return shared.value"},
        Layers=[arn],
    )
    create(
        server.functions,
        in_node,
        "nodejs20.x",
        "app.handler",
        {"app.cjs": "exports.handler = async () => require('shared')"},
        Layers=[arn],
    )
    assert server.invoke(in_python)["Payload"] == "of the layer"
    assert server.invoke(in_node)["Payload"] == "of the layer"


def test_logs_in_json_are_filtered_by_their_levels(server, python, name):
    sources = {
        "nodejs20.x": {"app.cjs": "exports.handler = async () => { console.info('quiet'); console.warn('loud %d', 1) }"},
        "python3.11": {
            "app.py": "import logging\ndef handler(event, context):\n  logging.info('quiet'); logging.warning('loud %d', 1)"
        },
    }
    for runtime, files in sources.items():
        function = name("f")
        levels = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "INFO"}
        create(server.functions, function, runtime, "app.handler", files, LoggingConfig=levels)
        reply = server.invoke(function, LogType="Tail")
        log = base64.b64decode(reply["LogResult"]).decode()
        lines = [json.loads(line) for line in log.splitlines()]
        said = [(line["level"], line["message"]) for line in lines if "level" in line]
        assert said in ([("WARN", "loud 1")], [("WARNING", "loud 1")]), runtime
        assert [line["type"] for line in lines if "type" in line][-2:] == ["platform.start", "platform.report"]


@pytest.fixture(scope="module")
def rust():
    """The zip of a function built on the lambda_runtime crate."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not there")
    target = REPOSITORY / "target" / "rust-function"
    command = ["cargo", "build", "--quiet", "--locked", "--manifest-path", RUST / "Cargo.toml", "--target-dir", target]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode != 0 and "download" in built.stderr:
        pytest.skip("the crates cannot be downloaded")
    assert built.returncode == 0, built.stderr
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, (target / "debug" / "bootstrap").read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def test_a_custom_runtime_without_a_bootstrap_is_a_failure_that_a_machine_catches(server, name):
    function = name("empty")
    arn = server.functions.create_function(
        FunctionName=function, Runtime="provided.al2023", Role=ROLE, Handler="main", Code={"ZipFile": package({"main": "no program"})}
    )["FunctionArn"]
    reply = server.invoke(function, {}, LogType="Tail")
    assert (reply["StatusCode"], reply["FunctionError"]) == (200, "Unhandled")
    request = reply["ResponseMetadata"]["RequestId"]
    text = f"RequestId: {request} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    assert reply["Payload"] == {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text}
    tail = base64.b64decode(reply["LogResult"]).decode()
    assert f"{text}\nRuntime.InvalidEntrypoint" in tail and "Error Type: Runtime.InvalidEntrypoint" in tail
    catch = [{"ErrorEquals": ["Runtime.InvalidEntrypoint"], "Next": "Caught"}]
    run = {"Type": "Task", "Resource": arn, "Catch": catch, "End": True}
    machine = server.create_machine(name("m"), {"StartAt": "Run", "States": {"Run": run, "Caught": {"Type": "Pass", "End": True}}})
    ended = server.end(server.start(machine))
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"])["Error"] == "Runtime.InvalidEntrypoint"


@pytest.mark.parametrize(
    ("runtime", "code", "text"),
    [
        ("cobol", "InvalidParameterValueException", r"Value cobol at 'runtime' failed to satisfy constraint: .* or be a valid ARN"),
        ("java21", "NotImplemented", r"Runtime java21: nodejsN.x, python3.N and provided.\* run here"),
    ],
)
def test_a_runtime_that_cannot_run_is_refused_when_a_function_gets_it(server, name, runtime, code, text):
    made = {"Role": ROLE, "Handler": "a.b", "Code": {"ZipFile": package({"a.js": ""})}}
    with pytest.raises(ClientError, match=text) as refused:
        server.functions.create_function(FunctionName=name("f"), Runtime=runtime, **made)
    assert refused.value.response["Error"]["Code"] == code
    function = name("g")
    server.functions.create_function(FunctionName=function, Runtime="nodejs22.x", **made)
    with pytest.raises(ClientError, match=text) as refused:
        server.functions.update_function_configuration(FunctionName=function, Runtime=runtime)
    assert refused.value.response["Error"]["Code"] == code
    assert server.functions.get_function_configuration(FunctionName=function)["Runtime"] == "nodejs22.x"


def test_a_rust_function_answers_fails_and_panics(server, rust, name):
    function = name("f")
    server.functions.create_function(
        FunctionName=function, Runtime="provided.al2023", Role=ROLE, Handler="bootstrap", Timeout=30, Code={"ZipFile": rust}
    )
    answer = server.invoke(function, {"name": "Ada"})["Payload"]
    assert answer["message"] == "Hello, Ada"
    assert answer["function"] == function
    failed = server.invoke(function, {"name": ""})
    assert failed["FunctionError"] == "Unhandled"
    assert failed["Payload"]["errorMessage"] == "the name is empty"
    panicked = server.invoke(function, {"name": "panic"})
    assert panicked["FunctionError"] == "Unhandled"
    assert server.invoke(function, {"name": "Eve"})["Payload"]["message"] == "Hello, Eve"
