//! The configuration of a function: create, update, and what AWS refuses.

use std::collections::BTreeMap;

use stepwell_api::lambda;
use stepwell_engine::Timestamp;

use super::named::{function_arn, latest};
use super::tags::check_tags;
use super::{check_revision, function_name, latest_owner, not_implemented, packages_of};
use crate::command::{Answered, FunctionCode};
use crate::rows::function::{FunctionRow, LATEST, LayerUse, Shown};
use crate::shard::{Done, Shard};

/// Seconds a function may take when it does not say. Source: Lambda quotas.
const TIMEOUT_SECONDS_DEFAULT: i32 = 3;

/// Largest timeout of a function. Source: Lambda quotas.
const TIMEOUT_SECONDS_MAX: i32 = 900;

/// Megabytes a function has when it does not say. Source: Lambda quotas.
const MEMORY_MB_DEFAULT: i32 = 128;

/// Most megabytes of a function, and of its temporary directory. Source: Lambda quotas.
const MEMORY_MB_MAX: i32 = 10_240;

/// Megabytes of the temporary directory when the function does not say. Source: Lambda quotas.
const EPHEMERAL_MB_DEFAULT: i32 = 512;

/// Bytes of all environment variables together. Source: Lambda quotas.
const ENVIRONMENT_BYTES_MAX: usize = 4_096;

/// Bytes of a function's files and those of its layers. Source: Lambda quotas.
const UNZIPPED_BYTES_MAX: u64 = 262_144_000;

/// Environment variables that belong to Lambda. Source: its developer guide, reserved environment variables.
///
/// Credentials are not among them: no role gives a function its own here, so it may be given some.
const RESERVED_VARIABLES: [&str; 14] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

impl Shard {
    pub(crate) fn create_function(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        mut input: lambda::CreateFunctionRequest,
        code: FunctionCode,
    ) -> Done<Answered> {
        let name = function_name(&input.function_name)?;
        if latest(&self.staging, &name)?.is_some() {
            return Err(lambda::Error::resource_conflict_exception(format!(
                "Function already exist: {name}"
            ))
            .into());
        }
        check_created(&input)?;
        let layers = self.layers_named(&input.layers.take().unwrap_or_default())?;
        let publishes = input.publish == Some(true);
        let ids = stepwell_engine::entropy(entropy);
        let revision_id = ids.draw_uuid();
        let arn = function_arn(&self.settings, &name);
        let row = created(now, name, arn, input, layers, &code, revision_id)?;
        check(&row)?;
        check_tags(&row)?;
        self.check_function_role(&row.role)?;
        self.store_code(&code)?;
        self.move_uses(&latest_owner(&row.name), &[], &packages_of(&row))?;
        self.put_function(&row, None);
        if !publishes {
            return Ok(Answered::Function(Box::new(row.configuration())));
        }
        let version = self.publish_row(now, ids.draw_uuid(), &row, None)?;
        // AWS: the answer shows the version, under the function's own ARN.
        Ok(Answered::Function(Box::new(version.configuration())))
    }

    pub(crate) fn update_function_configuration(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: lambda::UpdateFunctionConfigurationRequest,
    ) -> Done<Answered> {
        let before = self.existing_function(&input.function_name)?;
        check_revision(&before.revision_id, input.revision_id.as_deref())?;
        check_updated(&input)?;
        if let Some(runtime) = &input.runtime {
            check_runtime(runtime)?;
        }
        let layers = match &input.layers {
            Some(arns) => self.layers_named(arns)?,
            None => before.layers.clone(),
        };
        if let Some(role) = &input.role {
            self.check_function_role(role)?;
        }
        let mut row = updated(before.clone(), input);
        row.layers = layers;
        row.modified_ms = now.as_millis();
        row.revision_id = stepwell_engine::entropy(entropy).draw_uuid();
        check(&row)?;
        self.put_function(&row, Some(&before));
        let owner = latest_owner(&row.name);
        self.move_uses(&owner, &packages_of(&before), &packages_of(&row))?;
        Ok(Answered::Function(Box::new(row.configuration())))
    }
}

fn created(
    now: Timestamp,
    name: String,
    arn: String,
    input: lambda::CreateFunctionRequest,
    layers: Vec<LayerUse>,
    code: &FunctionCode,
    revision_id: String,
) -> Result<FunctionRow, lambda::Error> {
    let (Some(runtime), Some(handler)) = (input.runtime, input.handler) else {
        let text = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
        return Err(lambda::Error::invalid_parameter_value_exception(text));
    };
    check_runtime(&runtime)?;
    Ok(FunctionRow {
        name,
        arn,
        runtime: Some(runtime),
        handler: Some(handler),
        role: input.role,
        description: input.description.unwrap_or_default(),
        timeout_seconds: input.timeout.unwrap_or(TIMEOUT_SECONDS_DEFAULT),
        memory_mb: input.memory_size.unwrap_or(MEMORY_MB_DEFAULT),
        environment: input
            .environment
            .and_then(|environment| environment.variables)
            .unwrap_or_default(),
        package: code.package.clone(),
        code_sha256: code.code_sha256.clone(),
        code_bytes: code.zip.len() as u64,
        modified_ms: now.as_millis(),
        revision_id,
        tracing_mode: input
            .tracing_config
            .and_then(|tracing| tracing.mode)
            .unwrap_or_else(|| "PassThrough".to_string()),
        architectures: input
            .architectures
            .unwrap_or_else(|| vec!["x86_64".to_string()]),
        ephemeral_mb: input
            .ephemeral_storage
            .map_or(EPHEMERAL_MB_DEFAULT, |storage| storage.size),
        tags: input.tags.unwrap_or_default(),
        version: LATEST.to_string(),
        layers,
        unzipped_bytes: code.unzipped_bytes,
        logging: input.logging_config,
        capacity_provider: input.capacity_provider_config,
        dead_letter_target: target(input.dead_letter_config),
        shown: Shown {
            kms_key_arn: input.kms_key_arn.filter(|arn| !arn.is_empty()),
            vpc: input.vpc_config,
            snap_start: input.snap_start.and_then(|snap_start| snap_start.apply_on),
        },
        published: None,
    })
}

/// What is not named stays as it is.
fn updated(mut row: FunctionRow, input: lambda::UpdateFunctionConfigurationRequest) -> FunctionRow {
    row.runtime = input.runtime.or(row.runtime);
    row.handler = input.handler.or(row.handler);
    row.role = input.role.unwrap_or(row.role);
    row.description = input.description.unwrap_or(row.description);
    row.timeout_seconds = input.timeout.unwrap_or(row.timeout_seconds);
    row.memory_mb = input.memory_size.unwrap_or(row.memory_mb);
    if let Some(environment) = input.environment {
        row.environment = environment.variables.unwrap_or_default();
    }
    if let Some(mode) = input.tracing_config.and_then(|tracing| tracing.mode) {
        row.tracing_mode = mode;
    }
    if let Some(storage) = input.ephemeral_storage {
        row.ephemeral_mb = storage.size;
    }
    if input.dead_letter_config.is_some() {
        row.dead_letter_target = target(input.dead_letter_config);
    }
    if let Some(key) = input.kms_key_arn {
        row.shown.kms_key_arn = Some(key).filter(|arn| !arn.is_empty());
    }
    row.shown.vpc = input.vpc_config.or(row.shown.vpc);
    if let Some(apply_on) = input.snap_start.and_then(|snap_start| snap_start.apply_on) {
        row.shown.snap_start = Some(apply_on);
    }
    row.logging = input.logging_config.or(row.logging);
    row.capacity_provider = input.capacity_provider_config.or(row.capacity_provider);
    row
}

/// AWS: an empty target takes the target away.
fn target(given: Option<lambda::DeadLetterConfig>) -> Option<String> {
    given
        .and_then(|config| config.target_arn)
        .filter(|arn| !arn.is_empty())
}

/// Members that nothing here would heed are refused by their names.
fn check_created(input: &lambda::CreateFunctionRequest) -> Result<(), lambda::Error> {
    if input.package_type.as_deref().unwrap_or("Zip") != "Zip" {
        return Err(not_implemented("PackageType Image"));
    }
    let refused = [
        ("ImageConfig", input.image_config.is_some()),
        (
            "FileSystemConfigs",
            input
                .file_system_configs
                .as_ref()
                .is_some_and(|it| !it.is_empty()),
        ),
        ("TenancyConfig", input.tenancy_config.is_some()),
        ("DurableConfig", input.durable_config.is_some()),
        ("AcceleratorConfig", input.accelerator_config.is_some()),
        ("RuntimeConfig", input.runtime_config.is_some()),
        (
            "CodeSigningConfigArn",
            input.code_signing_config_arn.is_some(),
        ),
        ("PublishTo", input.publish_to.is_some()),
    ];
    refuse_named("CreateFunction", &refused)
}

fn check_updated(input: &lambda::UpdateFunctionConfigurationRequest) -> Result<(), lambda::Error> {
    let refused = [
        ("ImageConfig", input.image_config.is_some()),
        (
            "FileSystemConfigs",
            input
                .file_system_configs
                .as_ref()
                .is_some_and(|it| !it.is_empty()),
        ),
        ("DurableConfig", input.durable_config.is_some()),
        ("AcceleratorConfig", input.accelerator_config.is_some()),
        ("RuntimeConfig", input.runtime_config.is_some()),
    ];
    refuse_named("UpdateFunctionConfiguration", &refused)
}

/// A runtime of AWS that cannot run here is refused when a function gets it, not at its first invocation.
///
/// - Says what `stepwell_functions::runs_here` says, which this floor does not see.
fn check_runtime(runtime: &str) -> Result<(), lambda::Error> {
    let is_node = runtime.starts_with("nodejs") && runtime.ends_with(".x");
    let is_python = runtime.starts_with("python3.");
    let is_custom = runtime == "provided" || runtime.starts_with("provided.");
    if is_node || is_python || is_custom {
        return Ok(());
    }
    Err(lambda::Error::not_implemented(format!(
        "Stepwell does not implement Runtime {runtime}: nodejsN.x, python3.N and provided.* run here"
    )))
}

pub(super) fn refuse_named(operation: &str, members: &[(&str, bool)]) -> Result<(), lambda::Error> {
    match members.iter().find(|(_, is_given)| *is_given) {
        Some((member, _)) => Err(not_implemented(&format!("{member} of {operation}"))),
        None => Ok(()),
    }
}

/// What holds of every function, however it was made.
pub(super) fn check(row: &FunctionRow) -> Result<(), lambda::Error> {
    let refuse = |text: String| Err(lambda::Error::invalid_parameter_value_exception(text));
    if !(1..=TIMEOUT_SECONDS_MAX).contains(&row.timeout_seconds) {
        return refuse(format!(
            "Timeout is {} seconds but must be from 1 to {TIMEOUT_SECONDS_MAX}",
            row.timeout_seconds
        ));
    }
    if row.memory_mb > MEMORY_MB_MAX {
        return refuse(format!(
            "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to {MEMORY_MB_MAX}, not {}",
            row.memory_mb
        ));
    }
    if row.ephemeral_mb > MEMORY_MB_MAX {
        return refuse(format!(
            "'EphemeralStorage' value failed to satisfy constraint: Member must have value less than or equal to {MEMORY_MB_MAX}, not {}",
            row.ephemeral_mb
        ));
    }
    let unzipped = row.unzipped_bytes
        + row
            .layers
            .iter()
            .map(|layer| layer.unzipped_bytes)
            .sum::<u64>();
    if unzipped > UNZIPPED_BYTES_MAX {
        return refuse(format!(
            "Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_BYTES_MAX} bytes. The actual size is {unzipped} bytes."
        ));
    }
    check_logging(row)?;
    check_environment(&row.environment)
}

fn check_logging(row: &FunctionRow) -> Result<(), lambda::Error> {
    let Some(logging) = &row.logging else {
        return Ok(());
    };
    let has_level = logging.application_log_level.is_some() || logging.system_log_level.is_some();
    if has_level && logging.log_format.as_deref() != Some("JSON") {
        let text = "ApplicationLogLevel and SystemLogLevel can only be set when LogFormat is JSON";
        return Err(lambda::Error::invalid_parameter_value_exception(text));
    }
    Ok(())
}

fn check_environment(variables: &BTreeMap<String, String>) -> Result<(), lambda::Error> {
    let reserved: Vec<&str> = variables
        .keys()
        .map(String::as_str)
        .filter(|name| RESERVED_VARIABLES.contains(name))
        .collect();
    if !reserved.is_empty() {
        return Err(lambda::Error::invalid_parameter_value_exception(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let bytes: usize = variables
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > ENVIRONMENT_BYTES_MAX {
        return Err(lambda::Error::invalid_parameter_value_exception(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit: {bytes} bytes"
        )));
    }
    Ok(())
}
