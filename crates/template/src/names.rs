//! Physical names and ARNs of resources: what `Ref` and `Fn::GetAtt` give.

use std::collections::BTreeMap;

use crate::scope::Pseudo;

/// AWS: longest name of a function.
pub(crate) const FUNCTION_NAME_CHARS_MAX: usize = 64;

/// AWS: longest name of a state machine.
pub(crate) const STATE_MACHINE_NAME_CHARS_MAX: usize = 80;

/// The resources of a template by logical id.
#[derive(Default)]
pub(crate) struct Names {
    resources: BTreeMap<String, Named>,
}

impl Names {
    pub fn get(&self, id: &str) -> Option<&Named> {
        self.resources.get(id)
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.resources.keys().map(String::as_str)
    }

    pub fn insert(&mut self, id: &str, named: Named) {
        self.resources.insert(id.to_owned(), named);
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Named> {
        self.resources.get_mut(id)
    }

    /// Replaces the made-up name by the one that the template gives.
    pub fn rename(&mut self, id: &str, name: String) {
        if let Some(named) = self.resources.get_mut(id) {
            named.name = name;
        }
    }
}

/// One resource: its type and its physical name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub id: String,
    pub kind: String,
    pub name: String,
    /// What stands before the name in the ARN: a role's path (`/`, `/some/path/`) or a schedule's group.
    pub path: String,
    /// The condition that is false, so that the resource does not exist.
    pub false_condition: Option<String>,
    /// AWS SAM: the logical ids of what `Function.Version` and `Function.Alias` mean.
    pub published: Option<Published>,
}

/// What SAM makes of `AutoPublishAlias`.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub version: String,
    pub alias: String,
}

/// What an attribute gives.
pub(crate) enum Attribute {
    Known(String),
    /// The resource is not created, and its type's attributes are not known here.
    MadeUp(String),
    /// `Version` or `Alias` of a function without `AutoPublishAlias`.
    Unpublished,
    /// The type has no such attribute; the ones that it has.
    Unknown(Vec<&'static str>),
}

/// How a value is made from a physical name.
#[derive(Clone, Copy)]
enum Form {
    Name,
    Arn,
    /// A log group's ARN ends with `:*`.
    ArnAll,
    /// Known once the resource is there: a token that the deployment replaces.
    Deferred,
    /// `schedule/group/name`.
    Schedule,
    QueueUrl,
    /// `name.s3.amazonaws.com`.
    BucketDomain,
    BucketRegionalDomain,
}

/// One resource type.
struct Kind {
    kind: &'static str,
    /// The property that gives the physical name.
    name_property: &'static str,
    service: &'static str,
    /// What stands before the name in the ARN.
    prefix: &'static str,
    reference: Form,
    attributes: &'static [(&'static str, Form)],
}

/// AWS: "Return values" of each type in the CloudFormation template reference.
const KINDS: &[Kind] = &[
    kind(
        "AWS::Lambda::Function",
        "FunctionName",
        "lambda",
        "function:",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::Serverless::Function",
        "FunctionName",
        "lambda",
        "function:",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::StepFunctions::StateMachine",
        "StateMachineName",
        "states",
        "stateMachine:",
        Form::Arn,
        &[
            ("Arn", Form::Arn),
            ("Name", Form::Name),
            ("StateMachineRevisionId", Form::Deferred),
        ],
    ),
    kind(
        "AWS::Serverless::StateMachine",
        "Name",
        "states",
        "stateMachine:",
        Form::Arn,
        &[
            ("Arn", Form::Arn),
            ("Name", Form::Name),
            ("StateMachineRevisionId", Form::Deferred),
        ],
    ),
    kind(
        "AWS::StepFunctions::Activity",
        "Name",
        "states",
        "activity:",
        Form::Arn,
        &[("Arn", Form::Arn), ("Name", Form::Name)],
    ),
    kind(
        "AWS::IAM::Role",
        "RoleName",
        "iam",
        "role/",
        Form::Name,
        &[("Arn", Form::Arn), ("RoleId", Form::Name)],
    ),
    kind(
        "AWS::IAM::ManagedPolicy",
        "ManagedPolicyName",
        "iam",
        "policy/",
        Form::Arn,
        &[("PolicyArn", Form::Arn)],
    ),
    kind(
        "AWS::Logs::LogGroup",
        "LogGroupName",
        "logs",
        "log-group:",
        Form::Name,
        &[("Arn", Form::ArnAll)],
    ),
    kind(
        "AWS::Lambda::LayerVersion",
        "LayerName",
        "lambda",
        "layer:",
        Form::Deferred,
        &[("LayerVersionArn", Form::Deferred)],
    ),
    kind(
        "AWS::Serverless::LayerVersion",
        "LayerName",
        "lambda",
        "layer:",
        Form::Deferred,
        &[("LayerVersionArn", Form::Deferred), ("Arn", Form::Deferred)],
    ),
    kind(
        "AWS::SQS::Queue",
        "QueueName",
        "sqs",
        "",
        Form::QueueUrl,
        &[
            ("Arn", Form::Arn),
            ("QueueName", Form::Name),
            ("QueueUrl", Form::QueueUrl),
        ],
    ),
    kind(
        "AWS::SNS::Topic",
        "TopicName",
        "sns",
        "",
        Form::Arn,
        &[("TopicArn", Form::Arn), ("TopicName", Form::Name)],
    ),
    kind(
        "AWS::DynamoDB::Table",
        "TableName",
        "dynamodb",
        "table/",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::Serverless::SimpleTable",
        "TableName",
        "dynamodb",
        "table/",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::S3::Bucket",
        "BucketName",
        "s3",
        "",
        Form::Name,
        &[
            ("Arn", Form::Arn),
            ("DomainName", Form::BucketDomain),
            ("RegionalDomainName", Form::BucketRegionalDomain),
        ],
    ),
    kind(
        "AWS::Events::EventBus",
        "Name",
        "events",
        "event-bus/",
        Form::Name,
        &[("Arn", Form::Arn), ("Name", Form::Name)],
    ),
    kind(
        "AWS::Events::Rule",
        "Name",
        "events",
        "rule/",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::CloudWatch::Alarm",
        "AlarmName",
        "cloudwatch",
        "alarm:",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::CloudWatch::CompositeAlarm",
        "AlarmName",
        "cloudwatch",
        "alarm:",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::CloudWatch::Dashboard",
        "DashboardName",
        "cloudwatch",
        "dashboard/",
        Form::Name,
        &[],
    ),
    kind(
        "AWS::Logs::MetricFilter",
        "FilterName",
        "logs",
        "metric-filter:",
        Form::Name,
        &[],
    ),
    kind(
        "AWS::Logs::SubscriptionFilter",
        "FilterName",
        "logs",
        "subscription-filter:",
        Form::Name,
        &[],
    ),
    kind(
        "AWS::Logs::QueryDefinition",
        "Name",
        "logs",
        "query-definition:",
        Form::Deferred,
        &[("QueryDefinitionId", Form::Deferred)],
    ),
    kind(
        "AWS::XRay::Group",
        "GroupName",
        "xray",
        "group/",
        Form::Deferred,
        &[("GroupARN", Form::Deferred)],
    ),
    kind(
        "AWS::XRay::SamplingRule",
        "RuleName",
        "xray",
        "sampling-rule/",
        Form::Deferred,
        &[("RuleARN", Form::Deferred)],
    ),
    kind(
        "AWS::Events::Connection",
        "Name",
        "events",
        "connection/",
        Form::Name,
        &[("Arn", Form::Deferred), ("SecretArn", Form::Deferred)],
    ),
    kind(
        "AWS::Events::ApiDestination",
        "Name",
        "events",
        "api-destination/",
        Form::Name,
        &[("Arn", Form::Deferred)],
    ),
    kind(
        "AWS::SecretsManager::Secret",
        "Name",
        "secretsmanager",
        "secret:",
        Form::Arn,
        &[("Id", Form::Arn)],
    ),
    kind(
        "AWS::SSM::Parameter",
        "Name",
        "ssm",
        "parameter/",
        Form::Name,
        &[],
    ),
    kind(
        "AWS::KMS::Key",
        "",
        "kms",
        "key/",
        Form::Name,
        &[("Arn", Form::Arn), ("KeyId", Form::Name)],
    ),
    kind(
        "AWS::Kinesis::Stream",
        "Name",
        "kinesis",
        "stream/",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::Scheduler::Schedule",
        "Name",
        "scheduler",
        "schedule/",
        Form::Name,
        &[("Arn", Form::Schedule)],
    ),
    kind(
        "AWS::Scheduler::ScheduleGroup",
        "Name",
        "scheduler",
        "schedule-group/",
        Form::Name,
        &[("Arn", Form::Arn)],
    ),
    kind(
        "AWS::Lambda::Version",
        "",
        "lambda",
        "",
        Form::Deferred,
        &[("Version", Form::Deferred), ("FunctionArn", Form::Deferred)],
    ),
    kind(
        "AWS::Lambda::Alias",
        "Name",
        "lambda",
        "",
        Form::Deferred,
        &[("AliasArn", Form::Deferred)],
    ),
    kind(
        "AWS::Lambda::Url",
        "",
        "lambda",
        "",
        Form::Deferred,
        &[
            ("FunctionArn", Form::Deferred),
            ("FunctionUrl", Form::Deferred),
        ],
    ),
    kind(
        "AWS::Lambda::Permission",
        "",
        "lambda",
        "",
        Form::Name,
        &[("Id", Form::Name)],
    ),
    kind(
        "AWS::Lambda::EventInvokeConfig",
        "",
        "lambda",
        "",
        Form::Name,
        &[],
    ),
    kind(
        "AWS::StepFunctions::StateMachineVersion",
        "",
        "states",
        "",
        Form::Deferred,
        &[("Arn", Form::Deferred)],
    ),
    kind(
        "AWS::StepFunctions::StateMachineAlias",
        "Name",
        "states",
        "",
        Form::Deferred,
        &[("Arn", Form::Deferred)],
    ),
    kind(
        "AWS::ApiGateway::RestApi",
        "",
        "apigateway",
        "",
        Form::Deferred,
        &[
            ("RestApiId", Form::Deferred),
            ("RootResourceId", Form::Deferred),
        ],
    ),
    kind(
        "AWS::ApiGateway::Deployment",
        "",
        "apigateway",
        "",
        Form::Deferred,
        &[("DeploymentId", Form::Deferred)],
    ),
    kind(
        "AWS::ApiGateway::Stage",
        "StageName",
        "apigateway",
        "",
        Form::Name,
        &[],
    ),
    kind(
        "AWS::ApiGateway::Resource",
        "",
        "apigateway",
        "",
        Form::Deferred,
        &[("ResourceId", Form::Deferred)],
    ),
    kind(
        "AWS::ApiGatewayV2::Api",
        "",
        "apigateway",
        "",
        Form::Deferred,
        &[("ApiId", Form::Deferred), ("ApiEndpoint", Form::Deferred)],
    ),
    kind(
        "AWS::ApiGatewayV2::Stage",
        "StageName",
        "apigateway",
        "",
        Form::Name,
        &[],
    ),
    kind(
        "AWS::ApiGatewayV2::Integration",
        "",
        "apigateway",
        "",
        Form::Deferred,
        &[("IntegrationId", Form::Deferred)],
    ),
    kind(
        "AWS::Serverless::Api",
        "",
        "apigateway",
        "",
        Form::Deferred,
        &[
            ("RestApiId", Form::Deferred),
            ("RootResourceId", Form::Deferred),
        ],
    ),
    kind(
        "AWS::Serverless::HttpApi",
        "",
        "apigateway",
        "",
        Form::Deferred,
        &[("ApiId", Form::Deferred), ("ApiEndpoint", Form::Deferred)],
    ),
];

const fn kind(
    kind: &'static str,
    name_property: &'static str,
    service: &'static str,
    prefix: &'static str,
    reference: Form,
    attributes: &'static [(&'static str, Form)],
) -> Kind {
    Kind {
        kind,
        name_property,
        service,
        prefix,
        reference,
        attributes,
    }
}

fn find(kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.kind == kind)
}

/// The property that gives the physical name of a type.
pub(crate) fn name_property(kind: &str) -> Option<&'static str> {
    find(kind)
        .map(|kind| kind.name_property)
        .filter(|name| !name.is_empty())
}

impl Named {
    /// A resource without a name of its own: `stack-LogicalId`.
    ///
    /// AWS adds a random suffix; here the name stays the same on every deployment.
    pub fn made_up(id: &str, kind: &str, pseudo: &Pseudo) -> Named {
        let name = format!("{}-{id}", pseudo.stack_name);
        let name = match kind {
            "AWS::Lambda::Function"
            | "AWS::Serverless::Function"
            | "AWS::IAM::Role"
            | "AWS::Events::Rule"
            | "AWS::Scheduler::Schedule"
            | "AWS::Scheduler::ScheduleGroup" => shorten(name, FUNCTION_NAME_CHARS_MAX),
            "AWS::StepFunctions::StateMachine" | "AWS::Serverless::StateMachine" => {
                shorten(name, STATE_MACHINE_NAME_CHARS_MAX)
            }
            "AWS::S3::Bucket" => name.to_lowercase(),
            _ => name,
        };
        Named {
            id: id.to_owned(),
            kind: kind.to_owned(),
            name,
            path: "/".to_owned(),
            false_condition: None,
            published: None,
        }
    }

    /// The value of `Ref`.
    pub fn reference(&self, pseudo: &Pseudo) -> String {
        match find(&self.kind) {
            Some(kind) => self.form(kind, kind.reference, "Ref", pseudo),
            None => self.name.clone(),
        }
    }

    /// The ARN of a resource whose type is known here.
    pub fn arn(&self, pseudo: &Pseudo) -> String {
        match find(&self.kind) {
            Some(kind) => self.form(kind, Form::Arn, "Arn", pseudo),
            None => self.generic_arn(pseudo),
        }
    }

    /// The value of `Fn::GetAtt`.
    pub fn attribute(&self, attribute: &str, pseudo: &Pseudo) -> Attribute {
        let kind = find(&self.kind);
        if let Some(kind) = kind
            && let Some((_, form)) = kind.attributes.iter().find(|(name, _)| *name == attribute)
        {
            return Attribute::Known(self.form(kind, *form, attribute, pseudo));
        }
        match (kind, attribute) {
            // AWS SAM: with AutoPublishAlias, `Function.Version` and `Function.Alias` are ARNs.
            (_, "Version" | "Alias") if self.published.is_some() => {
                let published = self.published.as_ref();
                let published = published.expect("invariant: checked in the guard");
                let id = match attribute {
                    "Version" => &published.version,
                    _ => &published.alias,
                };
                Attribute::Known(token(id, "Ref"))
            }
            (Some(_), "Version" | "Alias") if self.kind == "AWS::Serverless::Function" => {
                Attribute::Unpublished
            }
            (Some(kind), _) if is_supported(&self.kind) => {
                Attribute::Unknown(kind.attributes.iter().map(|(name, _)| *name).collect())
            }
            (_, attribute) if attribute.ends_with("Arn") => {
                Attribute::MadeUp(self.generic_arn(pseudo))
            }
            _ => Attribute::MadeUp(format!("{}-{}", self.name, attribute.replace('.', "-"))),
        }
    }

    fn form(&self, kind: &Kind, form: Form, attribute: &str, pseudo: &Pseudo) -> String {
        let name = &self.name;
        let arn = || match kind.service {
            // AWS: a bucket's ARN names neither region nor account.
            "s3" => format!("arn:{}:s3:::{name}", pseudo.partition),
            // AWS: the path is a part of a role's or policy's ARN.
            "iam" => {
                let path = self.path.trim_start_matches('/');
                pseudo.arn("iam", &format!("{}{path}{name}", kind.prefix))
            }
            // AWS: a parameter's name may start with a slash that its ARN has only once.
            "ssm" => pseudo.arn(
                "ssm",
                &format!("{}{}", kind.prefix, name.trim_start_matches('/')),
            ),
            service => pseudo.arn(service, &format!("{}{name}", kind.prefix)),
        };
        match form {
            Form::Name => name.clone(),
            Form::Arn => arn(),
            Form::ArnAll => format!("{}:*", arn()),
            Form::Deferred => token(&self.id, attribute),
            // AWS: the group is a part of a schedule's ARN.
            Form::Schedule => {
                let group = Some(self.path.as_str()).filter(|group| *group != "/");
                let group = group.unwrap_or("default");
                pseudo.arn("scheduler", &format!("schedule/{group}/{name}"))
            }
            Form::QueueUrl => {
                let (region, suffix, account) =
                    (&pseudo.region, pseudo.url_suffix, &pseudo.account);
                format!("https://sqs.{region}.{suffix}/{account}/{name}")
            }
            Form::BucketDomain => format!("{name}.s3.{}", pseudo.url_suffix),
            Form::BucketRegionalDomain => {
                format!("{name}.s3.{}.{}", pseudo.region, pseudo.url_suffix)
            }
        }
    }

    /// An ARN of the right form for a type that is not known here.
    fn generic_arn(&self, pseudo: &Pseudo) -> String {
        let service = self
            .kind
            .split("::")
            .nth(1)
            .unwrap_or("unknown")
            .to_lowercase();
        pseudo.arn(&service, &self.name)
    }
}

const TOKEN_START: &str = "{{stepwell:";
const TOKEN_END: &str = "}}";

/// What stands for a value that only the server gives, until the resource is there.
fn token(id: &str, attribute: &str) -> String {
    format!("{TOKEN_START}{id}.{attribute}{TOKEN_END}")
}

/// Replaces every token of a text: `value` gives the value of a logical id's attribute (`Ref` for the reference).
///
/// A token without a value stays as it is.
pub fn fill(text: &str, value: &dyn Fn(&str, &str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(TOKEN_START) {
        let inner = &rest[start + TOKEN_START.len()..];
        let found = inner.find(TOKEN_END).and_then(|end| {
            let (id, attribute) = inner[..end].split_once('.')?;
            Some((value(id, attribute)?, &inner[end + TOKEN_END.len()..]))
        });
        match found {
            Some((value, after)) => {
                filled.push_str(&rest[..start]);
                filled.push_str(&value);
                rest = after;
            }
            None => {
                filled.push_str(&rest[..start + TOKEN_START.len()]);
                rest = inner;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Whether a text has a value that is not known yet.
pub fn is_open(text: &str) -> bool {
    text.contains(TOKEN_START)
}

/// The four types that become functions and state machines.
pub(crate) fn is_supported(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::Serverless::Function"
            | "AWS::Serverless::StateMachine"
            | "AWS::Lambda::Function"
            | "AWS::StepFunctions::StateMachine"
    )
}

/// Cuts a name to a length; a hash of the whole keeps it apart from others that start alike.
fn shorten(name: String, chars_max: usize) -> String {
    if name.chars().count() <= chars_max {
        return name;
    }
    let suffix = format!("-{:08x}", hash(&name) >> 32);
    let kept: String = name.chars().take(chars_max - suffix.len()).collect();
    kept + &suffix
}

/// FNV-1a, 64 bits: names must not change between runs or builds.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
