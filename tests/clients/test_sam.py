"""The SAM CLI and SAM's own translator, where they need no cloud: they run in a virtual environment of their own."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import REPOSITORY, environment, stepwell

TEMPLATES = REPOSITORY / "tests" / "templates"
SAM_PYTHON = os.environ.get("STEPWELL_SAM_PYTHON")
pytestmark = pytest.mark.skipif(not SAM_PYTHON, reason="STEPWELL_SAM_PYTHON names no Python with aws-sam-cli: cargo xtask test makes one")

# SAM's command leaves loops to CloudFormation, which expands them before SAM sees the template.
VALIDATED = sorted(path.name for path in TEMPLATES.glob("*.yaml") if path.name != "foreach.yaml")
TRANSLATED = ["functions.yaml", "aliases.yaml", "machine-alias.yaml", "schedules.yaml", "rules.yaml", "implicit-apis.yaml", "explicit-apis.yaml", "function-url.yaml"]

# What `sam deploy` sends to CloudFormation: logical ids and types, by the translator that AWS runs.
TRANSLATE = """
import json, sys
from samtranslator.translator.transform import transform
from samcli.yamlhelper import yaml_parse
class Policies:
    def load(self):
        return {"AWSLambdaBasicExecutionRole": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}
template = yaml_parse(open(sys.argv[1]).read())
parameters = {name: parameter.get("Default") for name, parameter in template.get("Parameters", {}).items()}
for resource in template["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if isinstance(resource.get("Properties", {}).get(name), str):
            resource["Properties"][name] = "s3://bucket/key"
translated = transform(template, parameters, Policies())
print(json.dumps({name: resource["Type"] for name, resource in translated["Resources"].items()}))
"""


def sam(*arguments, endpoint=None, home):
    more = {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    done = subprocess.run(
        [str(Path(SAM_PYTHON).with_name("sam")), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        env=environment(SAM_CLI_TELEMETRY="0", HOME=str(home), **more),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("template", VALIDATED)
def test_our_templates_are_valid_for_sam(template, tmp_path):
    assert "is a valid SAM Template" in sam("validate", "-t", TEMPLATES / template, home=tmp_path)


def test_a_template_passes_the_linter_of_sam(tmp_path):
    assert "is a valid SAM Template" in sam("validate", "--lint", "-t", TEMPLATES / "functions.yaml", home=tmp_path)


def test_remote_invoke_calls_a_function_and_runs_a_state_machine(server, tmp_path):
    done = stepwell("deploy", TEMPLATES / "functions.yaml", "--stack-name", "sam", "--json", endpoint=server.url)
    assert done.returncode == 0, done.stdout
    function = server.functions.get_function_configuration(FunctionName="sam-Greet")["FunctionArn"]
    answer = sam("remote", "invoke", function, "--event", '{"name": "ann"}', endpoint=server.url, home=tmp_path)
    assert json.loads(answer) == {"text": "hello ann on mars"}
    machine = function.replace(":lambda:", ":states:").replace(":function:sam-Greet", ":stateMachine:sam-Machine")
    answer = sam("remote", "invoke", machine, "--event", '{"name": "ann"}', endpoint=server.url, home=tmp_path)
    assert json.loads(answer) == "HELLO ANN ON MARS!!!"


@pytest.mark.parametrize("template", TRANSLATED)
def test_a_template_becomes_the_resources_that_sam_makes_of_it(template, server, tmp_path):
    done = subprocess.run([SAM_PYTHON, "-c", TRANSLATE, str(TEMPLATES / template)], capture_output=True, text=True, timeout=120, env=environment(HOME=str(tmp_path)), check=False)
    assert done.returncode == 0, done.stderr
    theirs = {}
    for name, kind in json.loads(done.stdout.splitlines()[-1]).items():
        if kind in ("AWS::Lambda::Version", "AWS::ApiGateway::Deployment"):
            # SAM appends a hash, so that another version is another resource.
            name = name[:-10]
        # CodeDeploy carries out preferences on AWS; here the deployment does.
        if not kind.startswith("AWS::CodeDeploy::") and name != "CodeDeployServiceRole":
            theirs[name] = kind
    plan = stepwell("deploy", TEMPLATES / template, "--stack-name", "compared", "--plan", "--json", endpoint=server.url)
    ours = {document["logicalId"]: document["type"] for document in map(json.loads, plan.stdout.splitlines()) if document["event"] == "plan"}
    assert ours == theirs
