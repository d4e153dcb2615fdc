//! `Policies` of a SAM function or state machine, as the role that SAM makes.

use serde_json::{Value as Json, json};

use super::{Expansion, trust};
use crate::node::{Entry, Node};
use crate::problem::Mark;
use crate::resource::Resource;
use crate::suggest::suggestion;

/// AWS SAM: policy templates with their parameters, actions, and the resource that they name.
const TEMPLATES: &[(&str, &[&str], &[&str], &str)] = &[
    (
        "LambdaInvokePolicy",
        &["FunctionName"],
        &["lambda:InvokeFunction"],
        "lambda:${AWS::Region}:${AWS::AccountId}:function:${FunctionName}*",
    ),
    (
        "StepFunctionsExecutionPolicy",
        &["StateMachineName"],
        &["states:StartExecution"],
        "states:${AWS::Region}:${AWS::AccountId}:stateMachine:${StateMachineName}",
    ),
    (
        "StepFunctionsExecutionPolicy_v2",
        &["StateMachineArn"],
        &["states:StartExecution"],
        "${StateMachineArn}",
    ),
    (
        "StepFunctionsCallbackPolicy",
        &["StateMachineName"],
        &[
            "states:SendTaskSuccess",
            "states:SendTaskFailure",
            "states:SendTaskHeartbeat",
        ],
        "states:${AWS::Region}:${AWS::AccountId}:stateMachine:${StateMachineName}",
    ),
    (
        "DynamoDBCrudPolicy",
        &["TableName"],
        &[
            "dynamodb:GetItem",
            "dynamodb:DeleteItem",
            "dynamodb:PutItem",
            "dynamodb:Scan",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:BatchGetItem",
            "dynamodb:DescribeTable",
            "dynamodb:ConditionCheckItem",
        ],
        "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}",
    ),
    (
        "DynamoDBReadPolicy",
        &["TableName"],
        &[
            "dynamodb:GetItem",
            "dynamodb:Scan",
            "dynamodb:Query",
            "dynamodb:BatchGetItem",
            "dynamodb:DescribeTable",
        ],
        "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}",
    ),
    (
        "DynamoDBWritePolicy",
        &["TableName"],
        &[
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:BatchWriteItem",
        ],
        "dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}",
    ),
    (
        "SQSSendMessagePolicy",
        &["QueueName"],
        &["sqs:SendMessage*"],
        "sqs:${AWS::Region}:${AWS::AccountId}:${QueueName}",
    ),
    (
        "SQSPollerPolicy",
        &["QueueName"],
        &[
            "sqs:ChangeMessageVisibility",
            "sqs:ChangeMessageVisibilityBatch",
            "sqs:DeleteMessage",
            "sqs:DeleteMessageBatch",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ],
        "sqs:${AWS::Region}:${AWS::AccountId}:${QueueName}",
    ),
    (
        "SNSPublishMessagePolicy",
        &["TopicName"],
        &["sns:Publish"],
        "sns:${AWS::Region}:${AWS::AccountId}:${TopicName}",
    ),
    (
        "S3ReadPolicy",
        &["BucketName"],
        &[
            "s3:GetObject",
            "s3:ListBucket",
            "s3:GetBucketLocation",
            "s3:GetObjectVersion",
            "s3:GetLifecycleConfiguration",
        ],
        "s3:::${BucketName}/*",
    ),
    (
        "S3WritePolicy",
        &["BucketName"],
        &[
            "s3:PutObject",
            "s3:PutObjectAcl",
            "s3:PutLifecycleConfiguration",
        ],
        "s3:::${BucketName}/*",
    ),
    (
        "S3CrudPolicy",
        &["BucketName"],
        &[
            "s3:GetObject",
            "s3:ListBucket",
            "s3:GetBucketLocation",
            "s3:GetObjectVersion",
            "s3:PutObject",
            "s3:PutObjectAcl",
            "s3:GetLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:DeleteObject",
        ],
        "s3:::${BucketName}/*",
    ),
    (
        "EventBridgePutEventsPolicy",
        &["EventBusName"],
        &["events:PutEvents"],
        "events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}",
    ),
    (
        "AWSSecretsManagerGetSecretValuePolicy",
        &["SecretArn"],
        &["secretsmanager:GetSecretValue"],
        "${SecretArn}",
    ),
    (
        "SSMParameterReadPolicy",
        &["ParameterName"],
        &[
            "ssm:DescribeParameters",
            "ssm:GetParameters",
            "ssm:GetParameter",
            "ssm:GetParametersByPath",
        ],
        "ssm:${AWS::Region}:${AWS::AccountId}:parameter/${ParameterName}",
    ),
    (
        "CloudWatchPutMetricPolicy",
        &[],
        &["cloudwatch:PutMetricData"],
        "*",
    ),
    (
        "KMSDecryptPolicy",
        &["KeyId"],
        &["kms:Decrypt"],
        "kms:${AWS::Region}:${AWS::AccountId}:key/${KeyId}",
    ),
    (
        "VPCAccessPolicy",
        &[],
        &[
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DetachNetworkInterface",
        ],
        "*",
    ),
];

const BASIC_EXECUTION: &str =
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

/// AWS: managed policies whose ARN has the path `service-role/`.
const SERVICE_ROLE_POLICIES: [&str; 10] = [
    "AWSLambdaBasicExecutionRole",
    "AWSLambdaBasicDurableExecutionRolePolicy",
    "AWSLambdaDynamoDBExecutionRole",
    "AWSLambdaENIManagementAccess",
    "AWSLambdaKinesisExecutionRole",
    "AWSLambdaMSKExecutionRole",
    "AWSLambdaRole",
    "AWSLambdaSQSQueueExecutionRole",
    "AWSLambdaVPCAccessExecutionRole",
    "AmazonAPIGatewayPushToCloudWatchLogs",
];

/// What is granted: ARNs of managed policies and inline policies.
#[derive(Default)]
struct Grants {
    managed: Vec<Node>,
    inline: Vec<Node>,
}

impl Expansion<'_> {
    /// The role `<Id>Role` of a resource that names none.
    pub(super) fn generated_role(&mut self, resource: &Resource, service: &str) {
        let at = resource.at;
        let id = format!("{}Role", resource.id);
        let mut grants = Grants::default();
        if service.starts_with("lambda") {
            grants.managed.push(Node::sub(at, BASIC_EXECUTION));
        }
        if self.is_traced(resource) {
            let arn = "arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess";
            grants.managed.push(Node::sub(at, arn));
        }
        if let Some(policies) = resource.property("Policies") {
            for policy in policies.items().unwrap_or(std::slice::from_ref(policies)) {
                self.grant(resource, policy, &mut grants);
            }
        }
        let assumed = resource.property("AssumeRolePolicyDocument").cloned();
        let mut role = Node::members(
            at,
            [(
                "AssumeRolePolicyDocument",
                assumed.unwrap_or_else(|| trust(at, service)),
            )],
        );
        role.set("ManagedPolicyArns", Node::list(at, grants.managed));
        role.set("Policies", Node::list(at, grants.inline));
        role.set_some("Path", resource.property("RolePath").cloned());
        let boundary = resource.property("PermissionsBoundary").cloned();
        role.set_some("PermissionsBoundary", boundary);
        self.make(resource, id, "AWS::IAM::Role", role);
    }

    fn is_traced(&self, resource: &Resource) -> bool {
        match resource.property("Tracing") {
            Some(tracing) => match tracing.get("Enabled") {
                Some(enabled) => enabled.scalar().as_deref() == Some("true"),
                None => tracing.scalar().as_deref() == Some("Active"),
            },
            None => false,
        }
    }

    /// One item of `Policies`: a managed policy, a template of SAM, or a document.
    fn grant(&self, resource: &Resource, policy: &Node, grants: &mut Grants) {
        let at = policy.at;
        let number = grants.inline.len();
        let named = |document: Node| {
            let name = format!("{}RolePolicy{number}", resource.id);
            Node::members(
                at,
                [
                    ("PolicyName", Node::text(at, name)),
                    ("PolicyDocument", document),
                ],
            )
        };
        if policy.entry("Statement").is_some() {
            return grants.inline.push(named(policy.clone()));
        }
        if policy.function().is_some() {
            return grants.managed.push(policy.clone());
        }
        if let Some(name) = policy.as_text() {
            let arn = managed(at, name);
            let text = arn.to_json();
            if grants.managed.iter().all(|known| known.to_json() != text) {
                grants.managed.push(arn);
            }
            return;
        }
        let Some([entry]) = policy.entries() else {
            let message = "a policy is the name or ARN of a managed policy, a policy template of SAM, or a document with a Statement";
            return self.error(at, &resource.place().join("Policies"), message);
        };
        if let Some(document) = self.of_template(resource, entry) {
            grants.inline.push(named(document));
        }
    }

    fn of_template(&self, resource: &Resource, entry: &Entry) -> Option<Node> {
        let at = entry.at;
        let place = resource.place().join("Policies").join(&entry.key);
        let found = TEMPLATES.iter().find(|(name, ..)| *name == entry.key);
        let Some((_, parameters, actions, target)) = found else {
            let near = suggestion(&entry.key, &mut TEMPLATES.iter().map(|(name, ..)| *name));
            let message = format!(
                "policy template {} is not known here and grants nothing{near}",
                entry.key
            );
            self.warn(at, &place, message);
            return None;
        };
        for parameter in *parameters {
            if entry.node.entry(parameter).is_none() {
                let message = format!("{} needs {parameter}", entry.key);
                self.error(at, &place, message);
                return None;
            }
        }
        let target = match *target {
            "*" => Node::text(at, "*"),
            text => {
                let is_arn = text.starts_with("${");
                let prefix = if is_arn { "" } else { "arn:${AWS::Partition}:" };
                let arguments = vec![
                    Node::text(at, format!("{prefix}{text}")),
                    entry.node.clone(),
                ];
                Node::members(at, [("Fn::Sub", Node::list(at, arguments))])
            }
        };
        let mut statement = Node::of_json(at, &json!({"Effect": "Allow", "Action": actions}));
        statement.set("Resource", target);
        let mut document = Node::of_json(
            at,
            &json!({"Version": "2012-10-17", "Statement": Json::Null}),
        );
        document.set("Statement", Node::list(at, vec![statement]));
        Some(document)
    }
}

/// The ARN of a managed policy that is given by its name.
fn managed(at: Mark, name: &str) -> Node {
    if name.starts_with("arn:") {
        return Node::text(at, name);
    }
    let path = if SERVICE_ROLE_POLICIES.contains(&name) {
        "service-role/"
    } else {
        ""
    };
    Node::sub(
        at,
        format!("arn:${{AWS::Partition}}:iam::aws:policy/{path}{name}"),
    )
}
