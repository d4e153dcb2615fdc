"""IAM and STS through boto3: roles, policies, and who may assume what."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import ACCOUNT, ROLE, Server

PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
ALLOWS = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
REFUSED = (
    "Neither the global service principal states.amazonaws.com, nor the regional one "
    "is authorized to assume the provided role."
)


def trust(**principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


STATES = trust(Service="states.amazonaws.com")


@pytest.fixture
def iam(server):
    return server.client("iam")


@pytest.fixture
def sts(server):
    return server.client("sts")


def error(caught):
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_role_is_created_read_listed_and_deleted(iam, name):
    role = name("r")
    created = iam.create_role(
        RoleName=role, Path="/app/", AssumeRolePolicyDocument=STATES, Description="a <role> & more",
        Tags=[{"Key": "team", "Value": "a"}],
    )["Role"]  # fmt: skip
    assert created["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/app/{role}"
    read = iam.get_role(RoleName=role)["Role"]
    assert read["AssumeRolePolicyDocument"] == json.loads(STATES)
    assert read["Description"] == "a <role> & more"
    assert read["Tags"] == [{"Key": "team", "Value": "a"}]
    assert read["CreateDate"] == created["CreateDate"]
    assert read["MaxSessionDuration"] == 3600
    assert role in [each["RoleName"] for each in iam.list_roles(PathPrefix="/app/")["Roles"]]
    iam.delete_role(RoleName=role)
    with pytest.raises(iam.exceptions.NoSuchEntityException) as caught:
        iam.get_role(RoleName=role)
    assert error(caught) == ("NoSuchEntity", 404)


def test_the_paginator_of_boto3_sees_every_role(iam, name):
    path = f"/{name('pages')}/"
    for index in range(5):
        iam.create_role(RoleName=name(f"r{index}"), Path=path, AssumeRolePolicyDocument=STATES)
    pages = iam.get_paginator("list_roles").paginate(PathPrefix=path, PaginationConfig={"PageSize": 2})
    assert len(pages.build_full_result()["Roles"]) == 5


def test_inline_policies_come_back_as_they_were_put(iam, name):
    role = name("r")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=STATES)
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=ALLOWS)
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["p"]
    assert iam.get_role_policy(RoleName=role, PolicyName="p")["PolicyDocument"] == json.loads(ALLOWS)
    with pytest.raises(iam.exceptions.DeleteConflictException) as caught:
        iam.delete_role(RoleName=role)
    assert error(caught) == ("DeleteConflict", 409)
    iam.delete_role_policy(RoleName=role, PolicyName="p")
    iam.delete_role(RoleName=role)


def test_managed_policies_are_attached_and_detached(iam, name):
    role, policy = name("r"), name("p")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=STATES)
    arn = iam.create_policy(PolicyName=policy, PolicyDocument=ALLOWS)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert attached == [{"PolicyName": policy, "PolicyArn": arn}]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert arn in [each["Arn"] for each in iam.list_policies(Scope="Local")["Policies"]]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == json.loads(ALLOWS)
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_policy(PolicyArn=arn)


def test_what_is_not_right_is_refused_with_its_code(iam, name):
    role = name("r")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=STATES)
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException) as caught:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=STATES)
    assert error(caught) == ("EntityAlreadyExists", 409)
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_role(RoleName=name("r"), AssumeRolePolicyDocument=ALLOWS)
    with pytest.raises(ClientError) as caught:
        iam.create_role(RoleName="not a name", AssumeRolePolicyDocument=STATES)
    assert error(caught) == ("ValidationError", 400)
    with pytest.raises(ClientError) as caught:
        iam.create_user(UserName="u")
    assert error(caught) == ("NotImplemented", 501)


def test_a_trust_policy_is_replaced_and_decides_who_may_use_the_role(server, iam, name):
    role = name("r")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(Service="lambda.amazonaws.com"))["Role"]["Arn"]
    with pytest.raises(ClientError) as caught:
        server.states.create_state_machine(name=name("m"), definition=PASS, roleArn=arn)
    assert error(caught) == ("AccessDeniedException", 400)
    assert caught.value.response["Error"]["Message"] == REFUSED
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=STATES)
    server.states.create_state_machine(name=name("m"), definition=PASS, roleArn=arn)
    with pytest.raises(ClientError) as caught:
        server.create_function(name("f"), "export const handler = async () => 1;", Role=arn)
    assert error(caught) == ("InvalidParameterValueException", 400)
    assert "cannot be assumed by Lambda" in caught.value.response["Error"]["Message"]


def test_a_server_that_checks_roles_refuses_one_that_does_not_exist(tmp_path):
    with Server(tmp_path / "data", "--roles", "checked") as server:
        with pytest.raises(ClientError) as caught:
            server.states.create_state_machine(name="m", definition=PASS, roleArn=ROLE)
        assert error(caught)[0] == "AccessDeniedException"
        server.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument=STATES)
        server.states.create_state_machine(name="m", definition=PASS, roleArn=ROLE)


def test_the_caller_is_the_account(sts):
    identity = sts.get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")


def test_a_role_that_trusts_the_account_is_assumed(iam, sts, name):
    role = name("r")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:root"))["Role"]["Arn"]
    session = sts.assume_role(RoleArn=arn, RoleSessionName="session", DurationSeconds=900)
    assert session["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session"
    assert session["Credentials"]["AccessKeyId"].startswith("ASIA")
    seconds = (session["Credentials"]["Expiration"] - iam.get_role(RoleName=role)["Role"]["CreateDate"]).total_seconds()
    assert 900 <= seconds < 960
    with pytest.raises(ClientError) as caught:
        sts.assume_role(RoleArn=arn, RoleSessionName="session", DurationSeconds=7200)
    assert error(caught) == ("ValidationError", 400)


def test_a_role_that_does_not_trust_the_account_is_not_assumed(iam, sts, name):
    arn = iam.create_role(RoleName=name("r"), AssumeRolePolicyDocument=STATES)["Role"]["Arn"]
    for refused in (arn, f"arn:aws:iam::{ACCOUNT}:role/nobodys"):
        with pytest.raises(ClientError) as caught:
            sts.assume_role(RoleArn=refused, RoleSessionName="session")
        assert error(caught) == ("AccessDenied", 403)
