//! The property names of the four supported types.

/// What happens with a property.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is read, or it can be left out without a difference that a run shows.
    Read,
    /// It makes a difference on AWS that is not made here: a warning.
    NoEffect,
    /// SAM makes resources of it.
    Expanded,
}

use Use::{Expanded, NoEffect, Read};

/// Whether SAM makes resources of a property.
pub(crate) fn is_expanded(kind: &str, property: &str) -> bool {
    let schema = match kind {
        "AWS::Serverless::Function" => SERVERLESS_FUNCTION,
        "AWS::Serverless::StateMachine" => SERVERLESS_STATE_MACHINE,
        _ => return false,
    };
    schema.contains(&(property, Expanded))
}

/// A type's properties.
pub(crate) type Schema = [(&'static str, Use)];

/// AWS SAM: `AWS::Serverless::Function`.
pub(crate) const SERVERLESS_FUNCTION: &Schema = &[
    ("Architectures", Read),
    ("AssumeRolePolicyDocument", Expanded),
    ("AutoPublishAlias", Expanded),
    ("AutoPublishAliasAllProperties", Read),
    ("AutoPublishCodeSha256", Read),
    ("CapacityProviderConfig", NoEffect),
    ("CodeSigningConfigArn", Read),
    ("CodeUri", Read),
    ("DeadLetterQueue", Read),
    ("DeploymentPreference", Expanded),
    ("Description", Read),
    ("DurableConfig", NoEffect),
    ("Environment", Read),
    ("EphemeralStorage", Read),
    ("EventInvokeConfig", Expanded),
    ("Events", Expanded),
    ("FileSystemConfigs", NoEffect),
    ("FunctionName", Read),
    ("FunctionScalingConfig", NoEffect),
    ("FunctionUrlConfig", Expanded),
    ("Handler", Read),
    ("ImageConfig", NoEffect),
    ("ImageUri", Read),
    ("InlineCode", Read),
    ("KmsKeyArn", Read),
    ("Layers", Read),
    ("LoggingConfig", Read),
    ("MemorySize", Read),
    ("PackageType", Read),
    ("PermissionsBoundary", Expanded),
    ("Policies", Expanded),
    ("PropagateTags", Read),
    ("ProvisionedConcurrencyConfig", Expanded),
    ("PublishToLatestPublished", Read),
    ("RecursiveLoop", Read),
    ("ReservedConcurrentExecutions", Read),
    ("Role", Read),
    ("RolePath", Expanded),
    ("Runtime", Read),
    ("RuntimeManagementConfig", Read),
    ("SnapStart", NoEffect),
    ("SourceKMSKeyArn", Read),
    ("Tags", Read),
    ("TenancyConfig", NoEffect),
    ("Timeout", Read),
    ("Tracing", Read),
    ("VersionDeletionPolicy", Expanded),
    ("VersionDescription", Expanded),
    ("VpcConfig", NoEffect),
];

/// AWS: `AWS::Lambda::Function`.
pub(crate) const LAMBDA_FUNCTION: &Schema = &[
    ("Architectures", Read),
    ("CapacityProviderConfig", NoEffect),
    ("Code", Read),
    ("CodeSigningConfigArn", Read),
    ("DeadLetterConfig", Read),
    ("Description", Read),
    ("DurableConfig", NoEffect),
    ("Environment", Read),
    ("EphemeralStorage", Read),
    ("FileSystemConfigs", NoEffect),
    ("FunctionName", Read),
    ("FunctionScalingConfig", NoEffect),
    ("Handler", Read),
    ("ImageConfig", NoEffect),
    ("KmsKeyArn", Read),
    ("Layers", Read),
    ("LoggingConfig", Read),
    ("MemorySize", Read),
    ("PackageType", Read),
    ("PublishToLatestPublished", Read),
    ("RecursiveLoop", Read),
    ("ReservedConcurrentExecutions", Read),
    ("Role", Read),
    ("Runtime", Read),
    ("RuntimeManagementConfig", Read),
    ("SnapStart", NoEffect),
    ("Tags", Read),
    ("TenancyConfig", NoEffect),
    ("Timeout", Read),
    ("TracingConfig", Read),
    ("VpcConfig", NoEffect),
];

/// AWS SAM: `AWS::Serverless::StateMachine`.
pub(crate) const SERVERLESS_STATE_MACHINE: &Schema = &[
    ("AutoPublishAlias", Expanded),
    ("Definition", Read),
    ("DefinitionSubstitutions", Read),
    ("DefinitionUri", Read),
    ("DeploymentPreference", Expanded),
    ("Events", Expanded),
    ("Logging", Read),
    ("Name", Read),
    ("PermissionsBoundary", Expanded),
    ("Policies", Expanded),
    ("PropagateTags", Read),
    ("Role", Read),
    ("RolePath", Expanded),
    ("Tags", Read),
    ("Tracing", Read),
    ("Type", Read),
    ("UseAliasAsEventTarget", Expanded),
];

/// AWS: `AWS::StepFunctions::StateMachine`.
pub(crate) const STEP_FUNCTIONS_STATE_MACHINE: &Schema = &[
    ("Definition", Read),
    ("DefinitionS3Location", Read),
    ("DefinitionString", Read),
    ("DefinitionSubstitutions", Read),
    ("EncryptionConfiguration", NoEffect),
    ("LoggingConfiguration", Read),
    ("RoleArn", Read),
    ("StateMachineName", Read),
    ("StateMachineType", Read),
    ("Tags", Read),
    ("TracingConfiguration", Read),
];

/// A type beside functions and state machines.
pub(crate) struct Companion {
    kind: &'static str,
    pub required: &'static [&'static str],
    pub read: &'static [&'static str],
    pub no_effect: &'static [&'static str],
}

/// The type's properties, if resources of it are created.
pub(crate) fn companion(kind: &str) -> Option<&'static Companion> {
    COMPANIONS.iter().find(|companion| companion.kind == kind)
}

const fn beside(
    kind: &'static str,
    required: &'static [&'static str],
    read: &'static [&'static str],
    no_effect: &'static [&'static str],
) -> Companion {
    Companion {
        kind,
        required,
        read,
        no_effect,
    }
}

/// AWS: "Properties" of each type in the CloudFormation template reference.
const COMPANIONS: &[Companion] = &[
    beside(
        "AWS::IAM::Role",
        &["AssumeRolePolicyDocument"],
        &[
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "Policies",
            "RoleName",
            "Tags",
        ],
        &["PermissionsBoundary"],
    ),
    beside(
        "AWS::IAM::Policy",
        &["PolicyDocument", "PolicyName"],
        &["Roles"],
        &["Groups", "Users"],
    ),
    beside(
        "AWS::IAM::RolePolicy",
        &["PolicyName", "RoleName"],
        &["PolicyDocument"],
        &[],
    ),
    beside(
        "AWS::IAM::ManagedPolicy",
        &["PolicyDocument"],
        &["Description", "ManagedPolicyName", "Path", "Roles"],
        &["Groups", "Users"],
    ),
    beside(
        "AWS::Logs::LogGroup",
        &[],
        &["LogGroupName", "RetentionInDays", "Tags"],
        &[
            "DataProtectionPolicy",
            "DeletionProtectionEnabled",
            "FieldIndexPolicies",
            "KmsKeyId",
            "LogGroupClass",
        ],
    ),
    beside(
        "AWS::Lambda::LayerVersion",
        &["Content"],
        &[
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Description",
            "LayerName",
            "LicenseInfo",
        ],
        &[],
    ),
    beside(
        "AWS::Lambda::Version",
        &["FunctionName"],
        &["CodeSha256", "Description", "ProvisionedConcurrencyConfig"],
        &["FunctionScalingConfig", "RuntimePolicy"],
    ),
    beside(
        "AWS::Lambda::Alias",
        &["FunctionName", "FunctionVersion", "Name"],
        &[
            "DeploymentPreference",
            "Description",
            "ProvisionedConcurrencyConfig",
            "RoutingConfig",
        ],
        &[],
    ),
    beside(
        "AWS::Lambda::Permission",
        &["Action", "FunctionName", "Principal"],
        &[
            "EventSourceToken",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
        &[],
    ),
    beside(
        "AWS::Lambda::Url",
        &["AuthType", "TargetFunctionArn"],
        &["Cors", "InvokeMode", "Qualifier"],
        &[],
    ),
    beside(
        "AWS::Lambda::EventInvokeConfig",
        &["FunctionName", "Qualifier"],
        &[
            "DestinationConfig",
            "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
        ],
        &[],
    ),
    beside(
        "AWS::StepFunctions::Activity",
        &["Name"],
        &["Tags"],
        &["EncryptionConfiguration"],
    ),
    beside(
        "AWS::StepFunctions::StateMachineVersion",
        &["StateMachineArn"],
        &["Description", "StateMachineRevisionId"],
        &[],
    ),
    beside(
        "AWS::StepFunctions::StateMachineAlias",
        &[],
        &[
            "DeploymentPreference",
            "Description",
            "Name",
            "RoutingConfiguration",
        ],
        &[],
    ),
    beside(
        "AWS::Events::Rule",
        &[],
        &[
            "Description",
            "EventBusName",
            "EventPattern",
            "Name",
            "RoleArn",
            "ScheduleExpression",
            "State",
            "Tags",
            "Targets",
        ],
        &[],
    ),
    beside(
        "AWS::Events::Connection",
        &["AuthParameters", "AuthorizationType"],
        &["Description", "KmsKeyIdentifier", "Name"],
        &["InvocationConnectivityParameters"],
    ),
    beside(
        "AWS::Events::ApiDestination",
        &["ConnectionArn", "HttpMethod", "InvocationEndpoint"],
        &["Description", "InvocationRateLimitPerSecond", "Name"],
        &[],
    ),
    beside(
        "AWS::Events::EventBus",
        &["Name"],
        &["Description", "Tags"],
        &[
            "DeadLetterConfig",
            "EventSourceName",
            "KmsKeyIdentifier",
            "LogConfig",
            "Policy",
        ],
    ),
    beside(
        "AWS::CloudWatch::Alarm",
        &["ComparisonOperator", "EvaluationPeriods"],
        &[
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluateLowSampleCountPercentile",
            "ExtendedStatistic",
            "InsufficientDataActions",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "ThresholdMetricId",
            "TreatMissingData",
            "Unit",
        ],
        &[],
    ),
    beside(
        "AWS::CloudWatch::CompositeAlarm",
        &["AlarmRule"],
        &[
            "ActionsEnabled",
            "ActionsSuppressor",
            "ActionsSuppressorExtensionPeriod",
            "ActionsSuppressorWaitPeriod",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "InsufficientDataActions",
            "OKActions",
            "Tags",
        ],
        &[],
    ),
    beside(
        "AWS::CloudWatch::Dashboard",
        &["DashboardBody"],
        &["DashboardName", "Tags"],
        &[],
    ),
    beside(
        "AWS::Logs::MetricFilter",
        &["FilterPattern", "LogGroupName", "MetricTransformations"],
        &["FilterName"],
        &[
            "ApplyOnTransformedLogs",
            "EmitSystemFieldDimensions",
            "FieldSelectionCriteria",
        ],
    ),
    beside(
        "AWS::Logs::SubscriptionFilter",
        &["DestinationArn", "FilterPattern", "LogGroupName"],
        &["Distribution", "FilterName", "RoleArn"],
        &[
            "ApplyOnTransformedLogs",
            "EmitSystemFields",
            "FieldSelectionCriteria",
        ],
    ),
    beside(
        "AWS::Logs::QueryDefinition",
        &["Name", "QueryString"],
        &["LogGroupNames"],
        &["Parameters", "QueryLanguage"],
    ),
    beside(
        "AWS::XRay::Group",
        &["GroupName"],
        &["FilterExpression", "InsightsConfiguration", "Tags"],
        &[],
    ),
    beside(
        "AWS::XRay::SamplingRule",
        &["SamplingRule"],
        &["RuleName", "Tags"],
        &["RuleRecord", "RuleUpdate"],
    ),
    beside(
        "AWS::Scheduler::Schedule",
        &["FlexibleTimeWindow", "ScheduleExpression", "Target"],
        &[
            "Description",
            "EndDate",
            "GroupName",
            "Name",
            "ScheduleExpressionTimezone",
            "StartDate",
            "State",
        ],
        &["KmsKeyArn"],
    ),
    beside("AWS::Scheduler::ScheduleGroup", &[], &["Name", "Tags"], &[]),
    beside(
        "AWS::ApiGateway::RestApi",
        &["Body"],
        &[
            "Description",
            "DisableExecuteApiEndpoint",
            "FailOnWarnings",
            "Name",
            "Policy",
            "Tags",
        ],
        &[
            "ApiKeySourceType",
            "BinaryMediaTypes",
            "BodyS3Location",
            "CloneFrom",
            "EndpointConfiguration",
            "MinimumCompressionSize",
            "Mode",
            "Parameters",
            "SecurityPolicy",
        ],
    ),
    beside(
        "AWS::ApiGateway::Deployment",
        &["RestApiId"],
        &["Description", "StageName"],
        &["DeploymentCanarySettings", "StageDescription"],
    ),
    beside(
        "AWS::ApiGateway::Stage",
        &["DeploymentId", "RestApiId", "StageName"],
        &["Description", "Tags", "TracingEnabled", "Variables"],
        &[
            "AccessLogSetting",
            "CacheClusterEnabled",
            "CacheClusterSize",
            "CanarySetting",
            "ClientCertificateId",
            "DocumentationVersion",
            "MethodSettings",
        ],
    ),
    beside(
        "AWS::ApiGatewayV2::Api",
        &["Body"],
        &["Description", "DisableExecuteApiEndpoint", "Name", "Tags"],
        &[
            "ApiKeySelectionExpression",
            "BasePath",
            "BodyS3Location",
            "CredentialsArn",
            "DisableSchemaValidation",
            "FailOnWarnings",
            "IpAddressType",
            "RouteKey",
            "RouteSelectionExpression",
            "Target",
            "Version",
        ],
    ),
    beside(
        "AWS::ApiGatewayV2::Stage",
        &["ApiId", "StageName"],
        &["AutoDeploy", "Description", "StageVariables", "Tags"],
        &[
            "AccessLogSettings",
            "AccessPolicyId",
            "ClientCertificateId",
            "DefaultRouteSettings",
            "DeploymentId",
            "RouteSettings",
        ],
    ),
];
