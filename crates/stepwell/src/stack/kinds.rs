//! The kinds of resources, and which file knows each.

use super::{
    State, Wanted, cloudwatch,
    cloudwatch::AlarmKind::{Composite, Metric},
    events, gateway, iam, lambda, logs, states, webhooks, xray,
};
use crate::client::{Client, Error};

/// A kind of resource, in the order in which kinds are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    RestStage,
    RestDeployment,
    RestApi,
    HttpStage,
    HttpApi,
    Schedule,
    Rule,
    ApiDestination,
    Connection,
    CompositeAlarm,
    Alarm,
    Dashboard,
    MetricFilter,
    SubscriptionFilter,
    QueryDefinition,
    TraceGroup,
    SamplingRule,
    MachineAlias,
    MachineVersion,
    StateMachine,
    FunctionUrl,
    EventInvoke,
    Permission,
    FunctionAlias,
    FunctionVersion,
    Function,
    Layer,
    Activity,
    ScheduleGroup,
    EventBus,
    InlinePolicy,
    ManagedPolicy,
    Role,
    LogGroup,
}

/// CloudFormation's type, and what a reader calls it.
const KINDS: [(Kind, &str, &str); 34] = [
    (Kind::RestStage, "AWS::ApiGateway::Stage", "stage"),
    (
        Kind::RestDeployment,
        "AWS::ApiGateway::Deployment",
        "deployment",
    ),
    (Kind::RestApi, "AWS::ApiGateway::RestApi", "rest api"),
    (Kind::HttpStage, "AWS::ApiGatewayV2::Stage", "stage"),
    (Kind::HttpApi, "AWS::ApiGatewayV2::Api", "http api"),
    (Kind::Schedule, "AWS::Scheduler::Schedule", "schedule"),
    (Kind::Rule, "AWS::Events::Rule", "rule"),
    (
        Kind::ApiDestination,
        "AWS::Events::ApiDestination",
        "api destination",
    ),
    (Kind::Connection, "AWS::Events::Connection", "connection"),
    (
        Kind::CompositeAlarm,
        "AWS::CloudWatch::CompositeAlarm",
        "alarm",
    ),
    (Kind::Alarm, "AWS::CloudWatch::Alarm", "alarm"),
    (Kind::Dashboard, "AWS::CloudWatch::Dashboard", "dashboard"),
    (
        Kind::MetricFilter,
        "AWS::Logs::MetricFilter",
        "metric filter",
    ),
    (
        Kind::SubscriptionFilter,
        "AWS::Logs::SubscriptionFilter",
        "subscription",
    ),
    (Kind::QueryDefinition, "AWS::Logs::QueryDefinition", "query"),
    (Kind::TraceGroup, "AWS::XRay::Group", "trace group"),
    (
        Kind::SamplingRule,
        "AWS::XRay::SamplingRule",
        "sampling rule",
    ),
    (
        Kind::MachineAlias,
        "AWS::StepFunctions::StateMachineAlias",
        "machine alias",
    ),
    (
        Kind::MachineVersion,
        "AWS::StepFunctions::StateMachineVersion",
        "machine vers.",
    ),
    (
        Kind::StateMachine,
        "AWS::StepFunctions::StateMachine",
        "state machine",
    ),
    (Kind::FunctionUrl, "AWS::Lambda::Url", "function url"),
    (
        Kind::EventInvoke,
        "AWS::Lambda::EventInvokeConfig",
        "async config",
    ),
    (Kind::Permission, "AWS::Lambda::Permission", "permission"),
    (Kind::FunctionAlias, "AWS::Lambda::Alias", "alias"),
    (Kind::FunctionVersion, "AWS::Lambda::Version", "version"),
    (Kind::Function, "AWS::Lambda::Function", "function"),
    (Kind::Layer, "AWS::Lambda::LayerVersion", "layer"),
    (Kind::Activity, "AWS::StepFunctions::Activity", "activity"),
    (
        Kind::ScheduleGroup,
        "AWS::Scheduler::ScheduleGroup",
        "schedule group",
    ),
    (Kind::EventBus, "AWS::Events::EventBus", "event bus"),
    (Kind::InlinePolicy, "AWS::IAM::Policy", "policy"),
    (Kind::ManagedPolicy, "AWS::IAM::ManagedPolicy", "policy"),
    (Kind::Role, "AWS::IAM::Role", "role"),
    (Kind::LogGroup, "AWS::Logs::LogGroup", "log group"),
];

impl Kind {
    pub fn of(cloudformation: &str) -> Option<Kind> {
        if cloudformation == "AWS::IAM::RolePolicy" {
            return Some(Kind::InlinePolicy);
        }
        let found = KINDS.iter().find(|(_, name, _)| *name == cloudformation);
        found.map(|(kind, ..)| *kind)
    }

    fn row(self) -> &'static (Kind, &'static str, &'static str) {
        let found = KINDS.iter().find(|(kind, ..)| *kind == self);
        found.expect("invariant: every kind is in the list")
    }

    /// Such as `AWS::Lambda::Alias`.
    pub fn cloudformation(self) -> &'static str {
        self.row().1
    }

    pub fn label(self) -> &'static str {
        self.row().2
    }

    /// Whether the resource itself can hold the tags of its stack.
    pub fn has_tags(self) -> bool {
        matches!(
            self,
            Kind::RestApi
                | Kind::HttpApi
                | Kind::Rule
                | Kind::CompositeAlarm
                | Kind::Alarm
                | Kind::StateMachine
                | Kind::Function
                | Kind::Activity
                | Kind::ScheduleGroup
                | Kind::EventBus
                | Kind::ManagedPolicy
                | Kind::Role
                | Kind::LogGroup
        )
    }

    /// Whether the resource holds the tags of the template alone: whose it is says the ledger.
    pub fn has_own_tags(self) -> bool {
        matches!(
            self,
            Kind::Dashboard | Kind::TraceGroup | Kind::SamplingRule
        )
    }

    /// Kinds without the tags of a stack that are deleted when they leave the template; the ledger remembers them.
    ///
    /// Versions and deployments stay: what runs may still use them.
    pub fn is_in_ledger(self) -> bool {
        matches!(
            self,
            Kind::Layer
                | Kind::FunctionAlias
                | Kind::Permission
                | Kind::FunctionUrl
                | Kind::EventInvoke
                | Kind::MachineAlias
                | Kind::Schedule
                | Kind::RestStage
                | Kind::HttpStage
                | Kind::InlinePolicy
                | Kind::ApiDestination
                | Kind::Connection
                | Kind::Dashboard
                | Kind::MetricFilter
                | Kind::SubscriptionFilter
                | Kind::QueryDefinition
                | Kind::TraceGroup
                | Kind::SamplingRule
        )
    }

    /// Every change makes another resource, and what was before stays what it is.
    pub fn is_versioned(self) -> bool {
        matches!(
            self,
            Kind::FunctionVersion | Kind::MachineVersion | Kind::Layer | Kind::RestDeployment
        )
    }

    /// What is on the server, or nothing.
    pub fn read(self, client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
        match self {
            Kind::Role => iam::read_role(client, wanted),
            Kind::InlinePolicy => iam::read_inline(client, wanted),
            Kind::ManagedPolicy => iam::read_managed(client, wanted),
            Kind::LogGroup => logs::read(client, wanted),
            Kind::Function => lambda::function::read(client, wanted),
            Kind::Layer => lambda::read_layer(client, wanted),
            Kind::FunctionVersion => lambda::read_version(client, wanted),
            Kind::FunctionAlias => lambda::read_alias(client, wanted),
            Kind::Permission => lambda::read_permission(client, wanted),
            Kind::FunctionUrl => lambda::read_url(client, wanted),
            Kind::EventInvoke => lambda::read_event_invoke(client, wanted),
            Kind::StateMachine => states::read_machine(client, wanted),
            Kind::Activity => states::read_activity(client, wanted),
            Kind::MachineVersion => states::read_version(client, wanted),
            Kind::MachineAlias => states::read_alias(client, wanted),
            Kind::EventBus => events::read_bus(client, wanted),
            Kind::Rule => events::read_rule(client, wanted),
            Kind::Connection => webhooks::read_connection(client, wanted),
            Kind::ApiDestination => webhooks::read_destination(client, wanted),
            Kind::Alarm => cloudwatch::read_alarm(client, Metric, wanted),
            Kind::CompositeAlarm => cloudwatch::read_alarm(client, Composite, wanted),
            Kind::Dashboard => cloudwatch::read_dashboard(client, wanted),
            Kind::MetricFilter => logs::read_metric_filter(client, wanted),
            Kind::SubscriptionFilter => logs::read_subscription_filter(client, wanted),
            Kind::QueryDefinition => logs::read_query_definition(client, wanted),
            Kind::TraceGroup => xray::read_group(client, wanted),
            Kind::SamplingRule => xray::read_rule(client, wanted),
            Kind::ScheduleGroup => events::read_group(client, wanted),
            Kind::Schedule => events::read_schedule(client, wanted),
            Kind::RestApi => gateway::read_rest(client, wanted),
            Kind::RestDeployment => gateway::read_deployment(client, wanted),
            Kind::RestStage => gateway::read_rest_stage(client, wanted),
            Kind::HttpApi => gateway::read_http(client, wanted),
            Kind::HttpStage => gateway::read_http_stage(client, wanted),
        }
    }

    /// Creates the resource, or changes the members that differ.
    pub fn bring(
        self,
        client: &Client,
        from: Option<&State>,
        wanted: &Wanted,
        changed: &[String],
    ) -> Result<(), Error> {
        match self {
            Kind::Role => iam::bring_role(client, from, wanted),
            Kind::InlinePolicy => iam::bring_inline(client, wanted),
            Kind::ManagedPolicy => iam::bring_managed(client, from, wanted),
            Kind::LogGroup => logs::bring(client, from, wanted),
            Kind::Function => lambda::function::bring(client, from, wanted, changed),
            Kind::Layer => lambda::bring_layer(client, wanted),
            Kind::FunctionVersion => lambda::bring_version(client, wanted),
            Kind::FunctionAlias => lambda::bring_alias(client, from, wanted, changed),
            Kind::Permission => lambda::bring_permission(client, from, wanted),
            Kind::FunctionUrl => lambda::bring_url(client, from, wanted),
            Kind::EventInvoke => lambda::bring_event_invoke(client, wanted),
            Kind::StateMachine => states::bring_machine(client, from, wanted, changed),
            Kind::Activity => states::bring_activity(client, from, wanted),
            Kind::MachineVersion => states::bring_version(client, wanted),
            Kind::MachineAlias => states::bring_alias(client, from, wanted),
            Kind::EventBus => events::bring_bus(client, from, wanted),
            Kind::Rule => events::bring_rule(client, from, wanted),
            Kind::Connection => webhooks::bring(client, "Connection", from, wanted),
            Kind::ApiDestination => webhooks::bring(client, "ApiDestination", from, wanted),
            Kind::Alarm => cloudwatch::bring_alarm(client, Metric, from, wanted),
            Kind::CompositeAlarm => cloudwatch::bring_alarm(client, Composite, from, wanted),
            Kind::Dashboard => cloudwatch::bring_dashboard(client, from, wanted),
            Kind::MetricFilter => logs::bring_metric_filter(client, wanted),
            Kind::SubscriptionFilter => logs::bring_subscription_filter(client, wanted),
            Kind::QueryDefinition => logs::bring_query_definition(client, from, wanted),
            Kind::TraceGroup => xray::bring_group(client, from, wanted),
            Kind::SamplingRule => xray::bring_rule(client, from, wanted),
            Kind::ScheduleGroup => events::bring_group(client, from, wanted),
            Kind::Schedule => events::bring_schedule(client, from, wanted),
            Kind::RestApi => gateway::bring_rest(client, from, wanted, changed),
            Kind::RestDeployment => gateway::bring_deployment(client, wanted),
            Kind::RestStage => gateway::bring_rest_stage(client, from, wanted),
            Kind::HttpApi => gateway::bring_http(client, from, wanted, changed),
            Kind::HttpStage => gateway::bring_http_stage(client, from, wanted),
        }
    }

    /// Deletes the resource; one that is gone already is no error.
    pub fn delete(self, client: &Client, identity: &str) -> Result<(), Error> {
        let deleted = match self {
            Kind::Role => iam::delete_role(client, identity),
            Kind::InlinePolicy => iam::delete_inline(client, identity),
            Kind::ManagedPolicy => iam::delete_managed(client, identity),
            Kind::LogGroup => logs::delete(client, identity),
            Kind::Function => client.delete_function(identity),
            Kind::Layer => lambda::delete_layer(client, identity),
            Kind::FunctionVersion => lambda::delete_version(client, identity),
            Kind::FunctionAlias => lambda::delete_alias(client, identity),
            Kind::Permission => lambda::delete_permission(client, identity),
            Kind::FunctionUrl => lambda::delete_url(client, identity),
            Kind::EventInvoke => lambda::delete_event_invoke(client, identity),
            Kind::StateMachine => {
                states::delete(client, "StateMachine", "stateMachineArn", identity)
            }
            Kind::Activity => states::delete(client, "Activity", "activityArn", identity),
            Kind::MachineVersion => states::delete(
                client,
                "StateMachineVersion",
                "stateMachineVersionArn",
                identity,
            ),
            Kind::MachineAlias => states::delete(
                client,
                "StateMachineAlias",
                "stateMachineAliasArn",
                identity,
            ),
            Kind::EventBus => events::delete_bus(client, identity),
            Kind::Rule => events::delete_rule(client, identity),
            Kind::Connection => webhooks::delete(client, "Connection", identity),
            Kind::ApiDestination => webhooks::delete(client, "ApiDestination", identity),
            Kind::Alarm | Kind::CompositeAlarm => cloudwatch::delete_alarm(client, identity),
            Kind::Dashboard => cloudwatch::delete_dashboard(client, identity),
            Kind::MetricFilter => logs::delete_metric_filter(client, identity),
            Kind::SubscriptionFilter => logs::delete_subscription_filter(client, identity),
            Kind::QueryDefinition => logs::delete_query_definition(client, identity),
            Kind::TraceGroup => xray::delete_group(client, identity),
            Kind::SamplingRule => xray::delete_rule(client, identity),
            Kind::ScheduleGroup => events::delete_group(client, identity),
            Kind::Schedule => events::delete_schedule(client, identity),
            Kind::RestApi => gateway::delete(client, "DeleteRestApi", "/restapis", identity),
            Kind::HttpApi => gateway::delete(client, "DeleteApi", "/v2/apis", identity),
            Kind::RestDeployment => {
                gateway::delete_part(client, "/restapis", "deployments", identity)
            }
            Kind::RestStage => gateway::delete_part(client, "/restapis", "stages", identity),
            Kind::HttpStage => gateway::delete_part(client, "/v2/apis", "stages", identity),
        };
        match deleted {
            Err(error) if is_absent(&error) => Ok(()),
            other => other,
        }
    }
}

/// The names that the services give to something that is not there.
pub fn is_absent(error: &Error) -> bool {
    [
        "ResourceNotFoundException",
        "ResourceNotFound",
        "NoSuchEntity",
        "NotFoundException",
        "StateMachineDoesNotExist",
        "ActivityDoesNotExist",
        "ProvisionedConcurrencyConfigNotFoundException",
        "DashboardNotFoundError",
    ]
    .iter()
    .any(|code| error.is(code))
}

/// The answer, or nothing for what is not there.
pub fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
