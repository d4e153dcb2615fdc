//! What goes into a shard and what comes out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use stepwell_api::catalogue::Naming;

use stepwell_api::{events, iam, lambda, logs, scheduler, states, sts, xray};
use stepwell_engine::{Event, Identity, Mode, Payload, Redrives, Ticket};

use crate::alarms::AlarmTransition;
use crate::deliveries::Delivery;
use crate::gateway::urls::UrlRequest;
use crate::gateway::{GatewayAnswer, GatewayRefusal, GatewayRequest};
use crate::integration::ServiceCall;
use crate::rows::function::LayerVersionRow;
use crate::rows::gateway::FunctionUrlRow;

/// Names a request of the shell, to bring the answer back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// A request to change something.
#[derive(Debug)]
pub struct Command {
    /// `None`: nobody waits for an answer (a task's completion).
    pub id: Option<RequestId>,
    pub request: Request,
}

/// The closed set of changes.
#[derive(Debug)]
pub enum Request {
    CreateStateMachine(Box<states::CreateStateMachineInput>),
    UpdateStateMachine(Box<states::UpdateStateMachineInput>),
    DeleteStateMachine(states::DeleteStateMachineInput),
    PublishStateMachineVersion(states::PublishStateMachineVersionInput),
    DeleteStateMachineVersion(states::DeleteStateMachineVersionInput),
    CreateStateMachineAlias(states::CreateStateMachineAliasInput),
    UpdateStateMachineAlias(states::UpdateStateMachineAliasInput),
    DeleteStateMachineAlias(states::DeleteStateMachineAliasInput),
    TagResource(states::TagResourceInput),
    UntagResource(states::UntagResourceInput),
    StartExecution(states::StartExecutionInput),
    StartSyncExecution(states::StartSyncExecutionInput),
    StopExecution(states::StopExecutionInput),
    RedriveExecution(states::RedriveExecutionInput),
    UpdateMapRun(states::UpdateMapRunInput),
    CreateActivity(states::CreateActivityInput),
    DeleteActivity(states::DeleteActivityInput),
    /// Answered when there is a task, or after a minute without one.
    GetActivityTask(states::GetActivityTaskInput),
    SendTaskSuccess(states::SendTaskSuccessInput),
    SendTaskFailure(states::SendTaskFailureInput),
    SendTaskHeartbeat(states::SendTaskHeartbeatInput),
    CreateFunction(Box<lambda::CreateFunctionRequest>, FunctionCode),
    UpdateFunctionCode(Box<lambda::UpdateFunctionCodeRequest>, FunctionCode),
    UpdateFunctionConfiguration(Box<lambda::UpdateFunctionConfigurationRequest>),
    DeleteFunction(lambda::DeleteFunctionRequest),
    /// Answered once the event is durable; the function runs later.
    TakeEvent(Box<EventInvocation>),
    /// Answered once the delivery is durable.
    Deliver(Box<Delivery>),
    /// Answered once the event of the transition and its actions are durable.
    TakeTransition(Box<AlarmTransition>),
    PutFunctionEventInvokeConfig(lambda::PutFunctionEventInvokeConfigRequest),
    UpdateFunctionEventInvokeConfig(lambda::UpdateFunctionEventInvokeConfigRequest),
    DeleteFunctionEventInvokeConfig(lambda::DeleteFunctionEventInvokeConfigRequest),
    /// What became of an [`Effect::Deliver`]. A delivery that is not in flight is ignored.
    EndDelivery {
        number: u64,
        outcome: DeliveryOutcome,
    },
    Lambda(LambdaRequest),
    Logs(LogsRequest),
    Xray(XrayRequest),
    Events(EventsRequest),
    Scheduler(SchedulerRequest),
    Iam(IamRequest),
    Gateway(Box<GatewayRequest>),
    FunctionUrl(UrlRequest),
    /// A performer has finished an attempt. An attempt that is no longer open is ignored.
    CompleteTask {
        execution: u64,
        ticket: Ticket,
        outcome: TaskOutcome,
    },
    /// A task calls one of our own operations: carries it out and completes the task in one commit.
    CallTask {
        call: Box<ServiceCall>,
        request: Box<Request>,
    },
    /// One of our own operations, asked by a task, was answered beside the shard.
    AnswerTask {
        call: Box<ServiceCall>,
        answer: Result<Vec<u8>, states::Error>,
    },
    /// A worker had hung up before its task reached it: the next worker gets the task.
    ReturnActivityTask(TakenTask),
    /// A task that was released but never started, because the server is stopping: it is called after
    /// the restart, whatever [`LostTask`] says.
    ReturnTask {
        execution: u64,
        ticket: Ticket,
    },
}

/// The changes of what stands beside a function's configuration and code.
#[derive(Debug)]
pub enum LambdaRequest {
    PublishVersion(lambda::PublishVersionRequest),
    CreateAlias(lambda::CreateAliasRequest),
    UpdateAlias(lambda::UpdateAliasRequest),
    DeleteAlias(lambda::DeleteAliasRequest),
    PublishLayerVersion(Box<lambda::PublishLayerVersionRequest>, FunctionCode),
    DeleteLayerVersion(lambda::DeleteLayerVersionRequest),
    AddLayerVersionPermission(lambda::AddLayerVersionPermissionRequest),
    RemoveLayerVersionPermission(lambda::RemoveLayerVersionPermissionRequest),
    AddPermission(lambda::AddPermissionRequest),
    RemovePermission(lambda::RemovePermissionRequest),
    PutFunctionConcurrency(lambda::PutFunctionConcurrencyRequest),
    DeleteFunctionConcurrency(lambda::DeleteFunctionConcurrencyRequest),
    PutProvisionedConcurrencyConfig(lambda::PutProvisionedConcurrencyConfigRequest),
    DeleteProvisionedConcurrencyConfig(lambda::DeleteProvisionedConcurrencyConfigRequest),
    PutFunctionRecursionConfig(lambda::PutFunctionRecursionConfigRequest),
    PutRuntimeManagementConfig(lambda::PutRuntimeManagementConfigRequest),
    TagResource(lambda::TagResourceRequest),
    UntagResource(lambda::UntagResourceRequest),
}

/// The changes of roles and policies.
#[derive(Debug)]
pub enum IamRequest {
    CreateRole(iam::CreateRoleRequest),
    UpdateRole(iam::UpdateRoleRequest),
    UpdateAssumeRolePolicy(iam::UpdateAssumeRolePolicyRequest),
    DeleteRole(iam::DeleteRoleRequest),
    TagRole(iam::TagRoleRequest),
    UntagRole(iam::UntagRoleRequest),
    PutRolePolicy(iam::PutRolePolicyRequest),
    DeleteRolePolicy(iam::DeleteRolePolicyRequest),
    AttachRolePolicy(iam::AttachRolePolicyRequest),
    DetachRolePolicy(iam::DetachRolePolicyRequest),
    CreatePolicy(iam::CreatePolicyRequest),
    DeletePolicy(iam::DeletePolicyRequest),
    TagPolicy(iam::TagPolicyRequest),
    UntagPolicy(iam::UntagPolicyRequest),
}

/// The changes of event buses and rules.
#[derive(Debug)]
pub enum EventsRequest {
    CreateEventBus(events::CreateEventBusRequest),
    UpdateEventBus(events::UpdateEventBusRequest),
    DeleteEventBus(events::DeleteEventBusRequest),
    PutRule(events::PutRuleRequest),
    DeleteRule(events::DeleteRuleRequest),
    EnableRule(events::EnableRuleRequest),
    DisableRule(events::DisableRuleRequest),
    PutTargets(events::PutTargetsRequest),
    RemoveTargets(events::RemoveTargetsRequest),
    PutPermission(events::PutPermissionRequest),
    RemovePermission(events::RemovePermissionRequest),
    /// Answered once what the events' rules hand on is durable.
    PutEvents(events::PutEventsRequest),
    TagResource(events::TagResourceRequest),
    UntagResource(events::UntagResourceRequest),
    CreateConnection(Box<events::CreateConnectionRequest>),
    UpdateConnection(Box<events::UpdateConnectionRequest>),
    DeauthorizeConnection(events::DeauthorizeConnectionRequest),
    DeleteConnection(events::DeleteConnectionRequest),
    CreateApiDestination(events::CreateApiDestinationRequest),
    UpdateApiDestination(events::UpdateApiDestinationRequest),
    DeleteApiDestination(events::DeleteApiDestinationRequest),
    /// What became of an [`Authorization`]; nobody waits for the answer.
    EndAuthorization {
        /// Name of the connection.
        connection: String,
        modified_ms: i64,
        /// Why there is no token.
        refused: Option<String>,
    },
}

/// The changes of schedules and their groups.
#[derive(Debug)]
pub enum SchedulerRequest {
    CreateSchedule(Box<scheduler::CreateScheduleInput>),
    UpdateSchedule(Box<scheduler::UpdateScheduleInput>),
    DeleteSchedule(scheduler::DeleteScheduleInput),
    CreateScheduleGroup(scheduler::CreateScheduleGroupInput),
    DeleteScheduleGroup(scheduler::DeleteScheduleGroupInput),
    TagResource(scheduler::TagResourceInput),
    UntagResource(scheduler::UntagResourceInput),
}

/// The changes that X-Ray makes to the rows of a shard.
#[derive(Debug)]
pub enum XrayRequest {
    CreateSamplingRule(Box<xray::CreateSamplingRuleRequest>),
    UpdateSamplingRule(Box<xray::UpdateSamplingRuleRequest>),
    DeleteSamplingRule(xray::DeleteSamplingRuleRequest),
    CreateGroup(Box<xray::CreateGroupRequest>),
    UpdateGroup(Box<xray::UpdateGroupRequest>),
    DeleteGroup(xray::DeleteGroupRequest),
    TagResource(xray::TagResourceRequest),
    UntagResource(xray::UntagResourceRequest),
}

/// The changes that CloudWatch Logs makes to the rows of a shard.
#[derive(Debug)]
pub enum LogsRequest {
    CreateLogGroup(logs::CreateLogGroupRequest),
    DeleteLogGroup(logs::DeleteLogGroupRequest),
    PutRetentionPolicy(logs::PutRetentionPolicyRequest),
    DeleteRetentionPolicy(logs::DeleteRetentionPolicyRequest),
    TagResource(logs::TagResourceRequest),
    UntagResource(logs::UntagResourceRequest),
    /// The pattern has been parsed.
    PutMetricFilter(logs::PutMetricFilterRequest),
    DeleteMetricFilter(logs::DeleteMetricFilterRequest),
    /// The pattern has been parsed, and the destination is there.
    PutSubscriptionFilter(logs::PutSubscriptionFilterRequest),
    DeleteSubscriptionFilter(logs::DeleteSubscriptionFilterRequest),
    /// The query has been parsed.
    PutQueryDefinition(logs::PutQueryDefinitionRequest),
    DeleteQueryDefinition(logs::DeleteQueryDefinitionRequest),
    PutResourcePolicy(logs::PutResourcePolicyRequest),
    DeleteResourcePolicy(logs::DeleteResourcePolicyRequest),
}

/// The package of a function or a layer, checked by the shell before it comes here.
#[derive(Debug, Clone)]
pub struct FunctionCode {
    /// The zip file.
    pub zip: Vec<u8>,
    /// Its SHA-256, lower-case hex; names the package.
    pub package: String,
    /// Its SHA-256 in base64, as Lambda shows it.
    pub code_sha256: String,
    /// Bytes of its files.
    pub unzipped_bytes: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum TaskOutcome {
    Succeeded(Payload),
    Failed {
        error: Option<String>,
        cause: Option<String>,
    },
    /// The call of a callback task has returned; the task waits for its token.
    Submitted(Payload),
}

/// The answer to a request.
pub type Answer = Result<Answered, Refusal>;

/// A good answer.
#[derive(Debug)]
pub enum Answered {
    /// The JSON body of a Step Functions operation.
    States(Vec<u8>),
    /// The JSON body for a worker that takes a task, and the task.
    Task(Vec<u8>, TakenTask),
    Function(Box<lambda::FunctionConfiguration>),
    FunctionDeleted,
    /// An event for a function, or a delivery, is durable.
    EventTaken,
    /// A transition was taken, now or before: for each of its actions why it cannot be delivered.
    Alarm(Vec<Option<String>>),
    EventInvokeConfig(Box<lambda::FunctionEventInvokeConfig>),
    EventInvokeConfigDeleted,
    LayerVersion(Box<LayerVersionRow>),
    /// The JSON body of another operation of Lambda; empty where it has none.
    Lambda(Vec<u8>),
    /// The JSON body of an operation of CloudWatch Logs; may be empty.
    Logs(Vec<u8>),
    /// The JSON body of an operation of X-Ray.
    Xray(Vec<u8>),
    /// The JSON body of an operation of EventBridge; may be empty.
    Events(Vec<u8>),
    /// The JSON body of an operation of EventBridge Scheduler.
    Scheduler(Vec<u8>),
    /// The members of the output of an operation of IAM; null where it has no output.
    Iam(serde_json::Value),
    Gateway(Box<GatewayAnswer>),
    /// `None` where it was deleted.
    FunctionUrl(Option<Box<FunctionUrlRow>>),
}

/// A task of an activity in the hands of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenTask {
    pub execution: u64,
    pub ticket: Ticket,
    /// The activity's name.
    pub activity: String,
}

/// An API error.
#[derive(Debug)]
pub enum Refusal {
    States(states::Error),
    Lambda(lambda::Error),
    Logs(logs::Error),
    Xray(xray::Error),
    Events(events::Error),
    Scheduler(scheduler::Error),
    Iam(iam::Error),
    Gateway(GatewayRefusal),
    Sts(sts::Error),
}

impl Refusal {
    /// The error's name and its message.
    pub(crate) fn parts(&self) -> (&'static str, String) {
        match self {
            Refusal::States(error) => (error.name(), error.message.clone()),
            Refusal::Lambda(error) => (error.name(), error.message.clone()),
            Refusal::Logs(error) => (error.name(), error.message.clone()),
            Refusal::Xray(error) => (error.name(), error.message.clone()),
            Refusal::Events(error) => (error.name(), error.message.clone()),
            Refusal::Scheduler(error) => (error.name(), error.message.clone()),
            Refusal::Iam(error) => (error.name(), error.message.clone()),
            Refusal::Gateway(refusal) => refusal.parts(),
            Refusal::Sts(error) => (error.name(), error.message.clone()),
        }
    }
}

impl From<states::Error> for Refusal {
    fn from(error: states::Error) -> Refusal {
        Refusal::States(error)
    }
}

impl From<lambda::Error> for Refusal {
    fn from(error: lambda::Error) -> Refusal {
        Refusal::Lambda(error)
    }
}

impl From<iam::Error> for Refusal {
    fn from(error: iam::Error) -> Refusal {
        Refusal::Iam(error)
    }
}

impl From<sts::Error> for Refusal {
    fn from(error: sts::Error) -> Refusal {
        Refusal::Sts(error)
    }
}

impl From<events::Error> for Refusal {
    fn from(error: events::Error) -> Refusal {
        Refusal::Events(error)
    }
}

impl From<scheduler::Error> for Refusal {
    fn from(error: scheduler::Error) -> Refusal {
        Refusal::Scheduler(error)
    }
}

impl From<xray::Error> for Refusal {
    fn from(error: xray::Error) -> Refusal {
        Refusal::Xray(error)
    }
}

impl From<logs::Error> for Refusal {
    fn from(error: logs::Error) -> Refusal {
        Refusal::Logs(error)
    }
}

/// What a delivery was that has been given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenUp {
    /// An event that was queued for a function.
    Event {
        function_arn: String,
        /// Whether any attempt was made.
        was_tried: bool,
    },
    /// The dead letter of such an event.
    DeadLetter {
        function_arn: String,
    },
    /// The record of such an event for a destination.
    Record {
        function_arn: String,
    },
    Other,
}

/// Something to do in the world, released only after its cause is durable.
#[derive(Debug)]
pub enum Effect {
    InvokeFunction(Box<FunctionCall>),
    /// Give the call back as [`Request::CallTask`] or, once it is answered, as [`Request::AnswerTask`].
    CallService(Box<ServiceCall>),
    /// Give the outcome back as [`Request::EndDelivery`].
    Deliver(Box<DeliveryCall>),
    /// Ask for a token, and give the outcome back as [`EventsRequest::EndAuthorization`].
    AuthorizeConnection(Box<Authorization>),
    /// A delivery has ended without success: for people, and for who counts them.
    DeliveryGivenUp {
        what: GivenUp,
        target: String,
        /// Who had sent it.
        origin: String,
        reason: String,
    },
    /// Nobody waits for this attempt any more.
    CancelTask {
        execution: u64,
        ticket: Ticket,
    },
    /// A state machine has a new log destination.
    ///
    /// AWS: that the destination takes log events is tried when the state machine is created.
    ValidateLogDelivery {
        log_group_arn: String,
    },
    /// Environments that run what is gone may end.
    RetireFunction {
        /// Without a qualifier.
        function_arn: String,
        /// The revision that is gone; `None` means all of them.
        revision_id: Option<String>,
    },
    /// What is to be kept ready for a version may have changed.
    ProvisionFunction {
        /// Name of the function.
        function: String,
        version: String,
    },
}

/// An asynchronous invocation of a function.
#[derive(Debug, Clone)]
pub struct EventInvocation {
    /// Name, partial ARN or ARN.
    pub function: String,
    pub qualifier: Option<String>,
    /// The handler's `context.awsRequestId`, the same in all attempts.
    pub request_id: String,
    /// JSON text.
    pub payload: String,
    pub trace_header: Option<String>,
    /// Base64 of a JSON object.
    pub client_context: Option<String>,
    /// Who sends it, for people.
    pub origin: String,
}

/// One attempt to bring a payload to a target.
#[derive(Debug)]
pub struct DeliveryCall {
    pub number: u64,
    /// ARN of the target; that of a function may have a qualifier.
    pub target: String,
    pub payload: Payload,
    pub action: DeliveryAction,
}

/// What brings a payload to its target.
#[derive(Debug)]
pub enum DeliveryAction {
    /// Run the function and wait for its reply.
    Invoke {
        request_id: String,
        trace_header: Option<String>,
        client_context: Option<String>,
        queued_ms: i64,
        /// Attempts that the function has answered so far.
        answered: u32,
        /// Whether no attempt was made before, answered or not.
        is_first: bool,
    },
    /// Send it to a queue, a topic or an event bus.
    Send(Message),
    /// Call an API destination.
    Call(Box<WebhookCall>),
}

/// An HTTP request of an API destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookCall {
    pub call: HttpCall,
    /// The request lacks a token, which this gets.
    pub token: Option<TokenCall>,
}

/// An HTTP request.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpCall {
    pub method: String,
    /// `http://` or `https://`.
    pub url: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Without what may be secret.
impl std::fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = self.url.split('?').next().unwrap_or_default();
        write!(f, "{} {url}", self.method)
    }
}

/// A request whose reply has an OAuth access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenCall {
    /// What the token is for: a connection as it is now.
    pub key: String,
    pub call: HttpCall,
}

/// A connection whose client is to be authorised.
#[derive(Debug)]
pub struct Authorization {
    /// Name of the connection.
    pub connection: String,
    /// Which of its changes asks.
    pub modified_ms: i64,
    pub token: TokenCall,
}

/// What a queue, a topic or an event bus needs beside the payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Message attributes, all of type String.
    pub attributes: BTreeMap<String, String>,
    /// Message group of a FIFO queue or topic.
    pub group_id: Option<String>,
    /// What an event on a bus says beside its detail.
    pub event: Option<BusEvent>,
}

/// What an event on a bus says beside its detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusEvent {
    pub source: String,
    pub detail_type: String,
    pub resources: Vec<String>,
}

/// How an attempt to deliver has ended.
#[derive(Debug, Clone)]
pub enum DeliveryOutcome {
    /// The queue, topic or bus has it.
    Delivered,
    /// The function has run.
    Ran(FunctionReply),
    /// The target was not reached, or refused.
    Failed {
        /// An error's name.
        code: String,
        message: String,
        /// Whether it may go well later: a throttle, a failure of the service.
        is_retryable: bool,
    },
    /// Not made, or cut off, because the server is stopping: it is made after the restart.
    Returned,
}

/// What a function answered to an asynchronous invocation.
#[derive(Debug, Clone)]
pub struct FunctionReply {
    /// JSON text.
    pub payload: String,
    /// `Unhandled` if the function failed.
    pub function_error: Option<String>,
    pub executed_version: String,
}

/// A function invocation that a Task state asks for.
#[derive(Debug)]
pub struct FunctionCall {
    pub execution: u64,
    pub ticket: Ticket,
    /// Name, partial ARN or ARN, as the definition gives it.
    pub function: String,
    pub qualifier: Option<String>,
    pub payload: Payload,
    /// How the reply becomes the task's result.
    pub style: CallStyle,
    pub trace_header: Option<String>,
    /// Called by a recovery, together with everything else that the last process left: there is no hurry.
    pub is_recovered: bool,
}

/// How a function's reply becomes a task's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallStyle {
    /// The Resource is the function's ARN: the result is the payload.
    Direct,
    /// `lambda:invoke`: the result is Lambda's whole reply.
    Integration {
        /// An SDK integration gives the payload as text and does not fail when the function does.
        naming: Naming,
        /// `InvocationType`, `RequestResponse` if absent.
        invocation_type: String,
        log_tail: bool,
        client_context: Option<String>,
        /// `.waitForTaskToken`: the reply submits the task instead of completing it.
        is_callback: bool,
    },
    /// `aws-sdk:lambda:*` but for invoke: no function runs. The payload is the input of the operation, its output is
    /// the result.
    Operation {
        operation: lambda::Operation,
        is_callback: bool,
    },
}

/// Everything that one durable commit releases.
#[derive(Debug, Default)]
pub struct Committed {
    pub answers: Vec<(RequestId, Answer)>,
    pub effects: Vec<Effect>,
    /// In the order in which they happened.
    pub events: Vec<LiveEvents>,
    /// About how much memory `events` hold.
    pub events_bytes: usize,
    /// Standard executions that have not ended, children of map runs left out.
    pub open_executions: u64,
    /// Whether rows have changed.
    pub has_written: bool,
}

/// Events that one transition of an execution has made, once they are durable; never none.
#[derive(Debug)]
pub struct LiveEvents {
    pub execution: Arc<ExecutionFacts>,
    pub events: Vec<Event>,
}

/// What is known of an execution beside its events. Made once while the execution is in memory, and anew when something
/// of it changes.
#[derive(Debug)]
pub struct ExecutionFacts {
    /// Number, ARN, name, mode, start, role. The ARN of the state machine has the label if a map run started it.
    pub identity: Arc<Identity>,
    pub machine: Arc<MachineFacts>,
    /// The alias it was started by.
    pub alias_arn: Option<String>,
    /// The map run that it is a child of.
    pub map_run: Option<MapRunPlace>,
    pub redrives: Redrives,
    /// `X-Amzn-Trace-Id` that its start came with.
    pub trace_header: Option<String>,
    /// Bytes that its events and their payloads have taken while it was in memory: all of them if it is Express.
    pub stored_bytes: AtomicU64,
}

impl ExecutionFacts {
    /// Whether its history is in rows.
    pub fn is_durable(&self) -> bool {
        self.identity.mode == Mode::Standard
    }
}

/// Which child of which map run an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapRunPlace {
    /// Number of the execution whose Map state waits.
    pub parent: u64,
    /// Number of the run.
    pub run: u64,
    /// From 0, in the order of their starts.
    pub index: u32,
}

/// What is known of a state machine, or of one of its versions, as it is now.
#[derive(Debug, PartialEq)]
pub struct MachineFacts {
    /// Without version, alias or label.
    pub arn: String,
    /// The version that runs.
    pub version_arn: Option<String>,
    /// `tracingConfiguration.enabled`.
    pub is_traced: bool,
    /// Where its executions are logged; `None` where nothing is.
    pub log: Option<LogTarget>,
}

/// Where a state machine logs to.
#[derive(Debug, PartialEq)]
pub struct LogTarget {
    /// Logging is on, and there is one destination.
    pub logging: states::LoggingConfiguration,
    /// ARN of the log group, ending in `:*`.
    pub log_group_arn: String,
    pub state_machine_name: String,
    pub state_machine_arn: String,
    /// When the state machine was created.
    pub since_ms: i64,
}

/// What happens to a task whose outcome a crash has made unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostTask {
    /// It fails with a retryable service error; the definition's Retry decides.
    Fail,
    /// It is called again: at least once instead of at most once.
    Retry,
}

/// What a role that does not exist is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownRole {
    /// It is taken as it is named: made-up ARNs work.
    Accepted,
    /// It is refused where AWS refuses it.
    Refused,
}

/// What a shard must know about where it runs.
#[derive(Debug, Clone)]
pub struct Settings {
    pub region: String,
    pub account: String,
    pub lost_task: LostTask,
    pub unknown_role: UnknownRole,
    /// How long executions are kept after their end, in milliseconds; `None`: for good. A state machine's tag
    /// [`crate::retention::TAG`] goes before it.
    pub retention_ms: crate::retention::Period,
}
