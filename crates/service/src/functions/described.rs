//! Functions as Lambda describes them.

use stepwell_api::lambda;
use stepwell_engine::Timestamp;

use crate::rows::function::{FunctionRow, LATEST};

impl FunctionRow {
    /// The function or version as Lambda describes it, under the name without a qualifier.
    pub fn configuration(&self) -> lambda::FunctionConfiguration {
        lambda::FunctionConfiguration {
            function_name: Some(self.name.clone()),
            function_arn: Some(self.arn.clone()),
            runtime: self.runtime.clone(),
            role: Some(self.role.clone()),
            handler: self.handler.clone(),
            code_size: Some(i64::try_from(self.code_bytes).unwrap_or(i64::MAX)),
            description: Some(self.description.clone()),
            timeout: Some(self.timeout_seconds),
            memory_size: Some(self.memory_mb),
            last_modified: Some(lambda_date(self.modified_ms)),
            code_sha256: Some(self.code_sha256.clone()),
            version: Some(self.version.clone()),
            vpc_config: self.shown.vpc.clone().map(vpc),
            dead_letter_config: self.dead_letter_target.clone().map(|target| {
                lambda::DeadLetterConfig {
                    target_arn: Some(target),
                }
            }),
            environment: (!self.environment.is_empty()).then(|| lambda::EnvironmentResponse {
                variables: Some(self.environment.clone()),
                ..Default::default()
            }),
            kms_key_arn: self.shown.kms_key_arn.clone(),
            tracing_config: Some(lambda::TracingConfigResponse {
                mode: Some(self.tracing_mode.clone()),
            }),
            revision_id: Some(self.revision_id.clone()),
            layers: (!self.layers.is_empty()).then(|| self.listed_layers()),
            // Nothing is prepared behind the caller's back: what is stored can run.
            state: Some(lambda::state::ACTIVE.to_string()),
            last_update_status: Some(lambda::last_update_status::SUCCESSFUL.to_string()),
            package_type: Some("Zip".to_string()),
            architectures: Some(self.architectures.clone()),
            ephemeral_storage: Some(lambda::EphemeralStorage {
                size: self.ephemeral_mb,
            }),
            snap_start: Some(lambda::SnapStartResponse {
                apply_on: Some(
                    self.shown
                        .snap_start
                        .clone()
                        .unwrap_or_else(|| "None".to_string()),
                ),
                // No snapshot is ever taken here.
                optimization_status: Some("Off".to_string()),
            }),
            logging_config: Some(self.shown_logging()),
            capacity_provider_config: self.capacity_provider.clone(),
            ..Default::default()
        }
    }

    /// As [`FunctionRow::configuration`], under the name with a qualifier if one was named.
    pub fn described(&self, qualifier: Option<&str>) -> lambda::FunctionConfiguration {
        let mut configuration = self.configuration();
        if let Some(qualifier) = qualifier {
            configuration.function_arn = Some(format!("{}:{qualifier}", self.arn));
        }
        configuration
    }

    /// As lists show versions: `$LATEST` too has its qualifier.
    pub(crate) fn listed(&self) -> lambda::FunctionConfiguration {
        self.described(Some(&self.version))
    }

    /// AWS: the answers to changes name a version, but `$LATEST` without a qualifier.
    pub(crate) fn changed(&self) -> lambda::FunctionConfiguration {
        self.described(Some(self.version.as_str()).filter(|version| *version != LATEST))
    }

    fn listed_layers(&self) -> Vec<lambda::Layer> {
        let layer = |layer: &crate::rows::function::LayerUse| lambda::Layer {
            arn: Some(layer.arn.clone()),
            code_size: Some(i64::try_from(layer.code_bytes).unwrap_or(i64::MAX)),
            ..Default::default()
        };
        self.layers.iter().map(layer).collect()
    }

    fn shown_logging(&self) -> lambda::LoggingConfig {
        let given = self.logging.clone().unwrap_or_default();
        let format = given.log_format.unwrap_or_else(|| "Text".to_string());
        // AWS: levels are a matter of the format JSON, and INFO until they are told otherwise.
        let level = |given: Option<String>| {
            (format == "JSON").then(|| given.unwrap_or_else(|| "INFO".to_string()))
        };
        lambda::LoggingConfig {
            application_log_level: level(given.application_log_level),
            system_log_level: level(given.system_log_level),
            log_group: Some(
                given
                    .log_group
                    .unwrap_or_else(|| format!("/aws/lambda/{}", self.name)),
            ),
            log_format: Some(format),
        }
    }
}

fn vpc(given: lambda::VpcConfig) -> lambda::VpcConfigResponse {
    lambda::VpcConfigResponse {
        subnet_ids: Some(given.subnet_ids.unwrap_or_default()),
        security_group_ids: Some(given.security_group_ids.unwrap_or_default()),
        ipv6_allowed_for_dual_stack: given.ipv6_allowed_for_dual_stack,
        ..Default::default()
    }
}

/// Lambda's own date form: `2026-01-31T10:00:00.000+0000`.
pub fn lambda_date(ms: i64) -> String {
    Timestamp::from_millis(ms).to_string().replace('Z', "+0000")
}
