//! The property names of the four supported types.

/// What happens with a property.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is read, or it can be left out without a difference that a run shows.
    Read,
    /// It makes a difference on AWS that is not made here: a warning.
    NoEffect,
}

use Use::{NoEffect, Read};

/// A type's properties.
pub(crate) type Schema = [(&'static str, Use)];

/// AWS SAM: `AWS::Serverless::Function`.
pub(crate) const SERVERLESS_FUNCTION: &Schema = &[
    ("Architectures", Read),
    ("AssumeRolePolicyDocument", Read),
    ("AutoPublishAlias", NoEffect),
    ("AutoPublishAliasAllProperties", Read),
    ("AutoPublishCodeSha256", Read),
    ("CapacityProviderConfig", NoEffect),
    ("CodeSigningConfigArn", Read),
    ("CodeUri", Read),
    ("DeadLetterQueue", NoEffect),
    ("DeploymentPreference", NoEffect),
    ("Description", Read),
    ("DurableConfig", NoEffect),
    ("Environment", Read),
    ("EphemeralStorage", Read),
    ("EventInvokeConfig", NoEffect),
    ("Events", Read),
    ("FileSystemConfigs", NoEffect),
    ("FunctionName", Read),
    ("FunctionScalingConfig", NoEffect),
    ("FunctionUrlConfig", NoEffect),
    ("Handler", Read),
    ("ImageConfig", NoEffect),
    ("ImageUri", Read),
    ("InlineCode", Read),
    ("KmsKeyArn", Read),
    ("Layers", Read),
    ("LoggingConfig", Read),
    ("MemorySize", Read),
    ("PackageType", Read),
    ("PermissionsBoundary", Read),
    ("Policies", Read),
    ("PropagateTags", Read),
    ("ProvisionedConcurrencyConfig", NoEffect),
    ("PublishToLatestPublished", Read),
    ("RecursiveLoop", Read),
    ("ReservedConcurrentExecutions", Read),
    ("Role", Read),
    ("RolePath", Read),
    ("Runtime", Read),
    ("RuntimeManagementConfig", Read),
    ("SnapStart", NoEffect),
    ("SourceKMSKeyArn", Read),
    ("Tags", Read),
    ("TenancyConfig", NoEffect),
    ("Timeout", Read),
    ("Tracing", Read),
    ("VersionDeletionPolicy", Read),
    ("VersionDescription", Read),
    ("VpcConfig", NoEffect),
];

/// AWS: `AWS::Lambda::Function`.
pub(crate) const LAMBDA_FUNCTION: &Schema = &[
    ("Architectures", Read),
    ("CapacityProviderConfig", NoEffect),
    ("Code", Read),
    ("CodeSigningConfigArn", Read),
    ("DeadLetterConfig", NoEffect),
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
    ("AutoPublishAlias", NoEffect),
    ("Definition", Read),
    ("DefinitionSubstitutions", Read),
    ("DefinitionUri", Read),
    ("DeploymentPreference", NoEffect),
    ("Events", Read),
    ("Logging", Read),
    ("Name", Read),
    ("PermissionsBoundary", Read),
    ("Policies", Read),
    ("PropagateTags", Read),
    ("Role", Read),
    ("RolePath", Read),
    ("Tags", Read),
    ("Tracing", Read),
    ("Type", Read),
    ("UseAliasAsEventTarget", Read),
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
