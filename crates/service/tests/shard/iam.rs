//! Roles and policies, and who looks at them.

use expect_test::{Expect, expect};
use stepwell_api::iam;
use stepwell_service::{Answer, IamRequest, LostTask, Request, Settings, Shard, UnknownRole};

use crate::world::{World, answer_text, settings};

const TRUSTS_STATES: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const TRUSTS_LAMBDA: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const ALLOWS: &str = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:role/{name}")
}

fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:policy/{name}")
}

fn send(world: &mut World, request: IamRequest) -> Answer {
    world
        .send(Request::Iam(request))
        .expect("it is answered at once")
}

fn create_role(world: &mut World, name: &str, trust: &str) -> Answer {
    let input = iam::CreateRoleRequest {
        role_name: name.to_string(),
        assume_role_policy_document: trust.to_string(),
        ..Default::default()
    };
    send(world, IamRequest::CreateRole(input))
}

fn create_policy(world: &mut World, name: &str) -> Answer {
    let input = iam::CreatePolicyRequest {
        policy_name: name.to_string(),
        policy_document: ALLOWS.to_string(),
        ..Default::default()
    };
    send(world, IamRequest::CreatePolicy(input))
}

fn attach(world: &mut World, role: &str, policy_arn: &str) -> Answer {
    let input = iam::AttachRolePolicyRequest {
        role_name: role.to_string(),
        policy_arn: policy_arn.to_string(),
    };
    send(world, IamRequest::AttachRolePolicy(input))
}

fn detach(world: &mut World, role: &str, policy_arn: &str) -> Answer {
    let input = iam::DetachRolePolicyRequest {
        role_name: role.to_string(),
        policy_arn: policy_arn.to_string(),
    };
    send(world, IamRequest::DetachRolePolicy(input))
}

fn delete_role(world: &mut World, name: &str) -> Answer {
    let input = iam::DeleteRoleRequest {
        role_name: name.to_string(),
    };
    send(world, IamRequest::DeleteRole(input))
}

fn delete_policy(world: &mut World, name: &str) -> Answer {
    let input = iam::DeletePolicyRequest {
        policy_arn: policy_arn(name),
    };
    send(world, IamRequest::DeletePolicy(input))
}

#[track_caller]
fn says(answer: Answer, expected: Expect) {
    expected.assert_eq(&answer_text(answer));
}

/// What creating a state machine with this role says, on a server that accepts or refuses unknown roles.
fn create_machine(world: &mut World, role: &str) -> String {
    let body = serde_json::json!({
        "name": format!("m-{}", role.rsplit('/').next().unwrap_or_default()),
        "roleArn": role,
        "definition": r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
    });
    world.ask("CreateStateMachine", &body.to_string())
}

const REFUSED: &str = "! AccessDeniedException: Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.";

#[test]
fn a_role_is_there_once_whatever_the_case_of_its_name() {
    let mut world = World::new();
    create_role(&mut world, "Worker", TRUSTS_STATES).expect("created");
    says(
        create_role(&mut world, "worker", TRUSTS_STATES),
        expect!["! EntityAlreadyExists: Role with name worker already exists."],
    );
    world.crash();
    let role = world
        .reader()
        .get_role(&iam::GetRoleRequest {
            role_name: "Worker".to_string(),
        })
        .expect("rows can be read")
        .expect("it survives a crash")
        .role;
    assert_eq!(role.arn, role_arn("Worker"));
    assert!(role.role_id.starts_with("AROA") && role.role_id.len() == 21);
}

#[test]
fn a_role_goes_after_its_policies_and_a_policy_after_its_roles() {
    let mut world = World::new();
    create_role(&mut world, "r", TRUSTS_STATES).expect("created");
    create_policy(&mut world, "p").expect("created");
    attach(&mut world, "r", &policy_arn("p")).expect("attached");
    attach(&mut world, "r", &policy_arn("p")).expect("attaching again changes nothing");
    says(
        delete_role(&mut world, "r"),
        expect!["! DeleteConflict: Cannot delete entity, must detach all policies first."],
    );
    says(
        delete_policy(&mut world, "p"),
        expect!["! DeleteConflict: Cannot delete a policy attached to entities."],
    );
    detach(&mut world, "r", &policy_arn("p")).expect("detached");
    delete_policy(&mut world, "p").expect("deleted");
    delete_role(&mut world, "r").expect("deleted");
    says(
        delete_role(&mut world, "r"),
        expect!["! NoSuchEntity: The role with name r cannot be found."],
    );
}

#[test]
fn a_policy_that_does_not_exist_is_not_attached_and_one_of_aws_is() {
    let mut world = World::new();
    create_role(&mut world, "r", TRUSTS_STATES).expect("created");
    says(
        attach(&mut world, "r", &policy_arn("p")),
        expect![
            "! NoSuchEntity: Policy arn:aws:iam::123456789012:policy/p does not exist or is not attachable."
        ],
    );
    attach(
        &mut world,
        "r",
        "arn:aws:iam::aws:policy/service-role/AWSLambdaRole",
    )
    .expect("attached");
}

#[test]
fn a_role_that_exists_is_held_to_its_trust() {
    let mut world = World::new();
    create_role(&mut world, "ours", TRUSTS_STATES).expect("created");
    create_role(&mut world, "lambdas", TRUSTS_LAMBDA).expect("created");
    assert!(create_machine(&mut world, &role_arn("ours")).contains("stateMachineArn"));
    assert_eq!(create_machine(&mut world, &role_arn("lambdas")), REFUSED);
    assert!(
        create_machine(&mut world, &role_arn("nobodys")).contains("stateMachineArn"),
        "a made-up role is accepted unless the server was told otherwise"
    );
}

#[test]
fn a_server_that_checks_roles_refuses_one_that_does_not_exist() {
    let mut world = World::new();
    world.shard = Shard::open(
        Box::new(world.disk.crash()),
        Settings {
            unknown_role: UnknownRole::Refused,
            ..settings(LostTask::Fail)
        },
    )
    .expect("a shard opens");
    world.recover();
    assert_eq!(create_machine(&mut world, &role_arn("r")), REFUSED);
    create_role(&mut world, "r", TRUSTS_STATES).expect("created");
    assert!(create_machine(&mut world, &role_arn("r")).contains("stateMachineArn"));
    let foreign = "arn:aws:iam::210987654321:role/r";
    assert_eq!(create_machine(&mut world, foreign), REFUSED);
}
