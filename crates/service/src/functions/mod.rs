//! Functions: configuration and packages. Running them is not this crate's business.

pub(crate) mod named;

use stepwell_api::arn::{FunctionArn, Scope};
use stepwell_api::lambda;
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use named::Given;

use crate::command::{Answered, Effect, FunctionCode};
use crate::rows::function::{
    CODE_CHUNK_BYTES, FunctionRow, LATEST, Shown, code_key, code_of, function_key, functions,
};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Seconds a function may take when it does not say. Source: Lambda quotas.
const TIMEOUT_SECONDS_DEFAULT: i32 = 3;

/// Largest timeout of a function. Source: Lambda quotas.
const TIMEOUT_SECONDS_MAX: i32 = 900;

/// Megabytes a function has when it does not say. Source: Lambda quotas.
const MEMORY_MB_DEFAULT: i32 = 128;

/// Bytes of all environment variables together. Source: Lambda quotas.
const ENVIRONMENT_BYTES_MAX: usize = 4_096;

impl FunctionRow {
    /// The function as Lambda describes it.
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
            environment: (!self.environment.is_empty()).then(|| lambda::EnvironmentResponse {
                variables: Some(self.environment.clone()),
                ..Default::default()
            }),
            tracing_config: Some(lambda::TracingConfigResponse {
                mode: Some(self.tracing_mode.clone()),
            }),
            revision_id: Some(self.revision_id.clone()),
            state: Some("Active".to_string()),
            last_update_status: Some("Successful".to_string()),
            package_type: Some("Zip".to_string()),
            architectures: Some(self.architectures.clone()),
            ephemeral_storage: Some(lambda::EphemeralStorage {
                size: self.ephemeral_mb,
            }),
            ..Default::default()
        }
    }
}

impl Shard {
    pub(crate) fn create_function(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: lambda::CreateFunctionRequest,
        code: FunctionCode,
    ) -> Done<Answered> {
        let name = function_name(&input.function_name)?;
        let arn = self.function_arn(&name);
        if self.function(&name)?.is_some() {
            return Err(lambda::Error::resource_conflict_exception(format!(
                "Function already exist: {name}"
            ))
            .into());
        }
        if input.package_type.as_deref().unwrap_or("Zip") != "Zip" {
            return Err(lambda::Error::not_implemented(
                "Stepwell does not implement PackageType Image yet",
            )
            .into());
        }
        if input
            .layers
            .as_ref()
            .is_some_and(|layers| !layers.is_empty())
        {
            return Err(
                lambda::Error::not_implemented("Stepwell does not implement Layers yet").into(),
            );
        }
        if input.publish == Some(true) {
            return Err(lambda::Error::not_implemented(
                "Stepwell does not implement CreateFunction with Publish yet",
            )
            .into());
        }
        let (Some(runtime), Some(handler)) = (input.runtime, input.handler) else {
            let text = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
            return Err(lambda::Error::invalid_parameter_value_exception(text).into());
        };
        let environment = input
            .environment
            .and_then(|environment| environment.variables)
            .unwrap_or_default();
        let row = FunctionRow {
            timeout_seconds: input.timeout.unwrap_or(TIMEOUT_SECONDS_DEFAULT),
            memory_mb: input.memory_size.unwrap_or(MEMORY_MB_DEFAULT),
            name,
            arn,
            runtime: Some(runtime),
            handler: Some(handler),
            role: input.role,
            description: input.description.unwrap_or_default(),
            environment,
            package: code.package.clone(),
            code_sha256: code.code_sha256.clone(),
            code_bytes: code.zip.len() as u64,
            modified_ms: now.as_millis(),
            revision_id: stepwell_engine::entropy(entropy).draw_uuid(),
            tracing_mode: input
                .tracing_config
                .and_then(|tracing| tracing.mode)
                .unwrap_or_else(|| "PassThrough".to_string()),
            architectures: input
                .architectures
                .unwrap_or_else(|| vec!["x86_64".to_string()]),
            ephemeral_mb: input.ephemeral_storage.map_or(512, |storage| storage.size),
            tags: input.tags.unwrap_or_default(),
            version: LATEST.to_string(),
            layers: Vec::new(),
            unzipped_bytes: 0,
            logging: None,
            shown: Shown {
                dead_letter_target: input
                    .dead_letter_config
                    .and_then(|config| config.target_arn)
                    .filter(|arn| !arn.is_empty()),
                ..Shown::default()
            },
        };
        check(&row)?;
        self.check_function_role(&row.role)?;
        self.store_code(&code)?;
        Ok(self.put_function(&row))
    }

    pub(crate) fn update_function_code(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: lambda::UpdateFunctionCodeRequest,
        code: FunctionCode,
    ) -> Done<Answered> {
        let mut row = self.existing_function(&input.function_name)?;
        check_revision(&row, input.revision_id.as_deref())?;
        if input.publish == Some(true) {
            return Err(lambda::Error::not_implemented(
                "Stepwell does not implement UpdateFunctionCode with Publish yet",
            )
            .into());
        }
        let before = std::mem::replace(&mut row.package, code.package.clone());
        row.code_sha256 = code.code_sha256.clone();
        row.code_bytes = code.zip.len() as u64;
        row.modified_ms = now.as_millis();
        row.revision_id = stepwell_engine::entropy(entropy).draw_uuid();
        if let Some(architectures) = input.architectures {
            row.architectures = architectures;
        }
        if input.dry_run == Some(true) {
            return Ok(Answered::Function(Box::new(row.configuration())));
        }
        self.store_code(&code)?;
        let answered = self.put_function(&row);
        self.forget_code(&before)?;
        Ok(answered)
    }

    pub(crate) fn update_function_configuration(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: lambda::UpdateFunctionConfigurationRequest,
    ) -> Done<Answered> {
        let mut row = self.existing_function(&input.function_name)?;
        check_revision(&row, input.revision_id.as_deref())?;
        if input
            .layers
            .as_ref()
            .is_some_and(|layers| !layers.is_empty())
        {
            return Err(
                lambda::Error::not_implemented("Stepwell does not implement Layers yet").into(),
            );
        }
        row.runtime = input.runtime.or(row.runtime);
        row.handler = input.handler.or(row.handler);
        if let Some(role) = input.role {
            self.check_function_role(&role)?;
            row.role = role;
        }
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
        row.modified_ms = now.as_millis();
        row.revision_id = stepwell_engine::entropy(entropy).draw_uuid();
        check(&row)?;
        Ok(self.put_function(&row))
    }

    pub(crate) fn delete_function(
        &mut self,
        input: &lambda::DeleteFunctionRequest,
    ) -> Done<Answered> {
        if input.qualifier.is_some() {
            return Err(not_versioned().into());
        }
        let row = self.existing_function(&input.function_name)?;
        self.staging.delete(function_key(&row.name));
        self.forget_code(&row.package)?;
        self.forget_event_invokes(&row.name)?;
        self.release_effect(Effect::RetireFunction {
            function_arn: row.arn,
        });
        Ok(Answered::FunctionDeleted)
    }

    fn put_function(&mut self, row: &FunctionRow) -> Answered {
        self.staging.put(function_key(&row.name), encode_json(row));
        self.release_effect(Effect::RetireFunction {
            function_arn: row.arn.clone(),
        });
        Answered::Function(Box::new(row.configuration()))
    }

    fn store_code(&mut self, code: &FunctionCode) -> Result<(), Error> {
        if self.staging.get(&code_key(&code.package, 0))?.is_some() {
            return Ok(());
        }
        for (chunk, bytes) in (0u64..).zip(code.zip.chunks(CODE_CHUNK_BYTES)) {
            self.staging
                .put(code_key(&code.package, chunk), bytes.to_vec());
        }
        Ok(())
    }

    /// Removes a package that no function refers to any more.
    fn forget_code(&mut self, package: &str) -> Result<(), Error> {
        let rows = self.staging.scan(
            &functions(),
            &after(&functions()),
            Direction::Ascending,
            usize::MAX,
        )?;
        for (key, value) in &rows {
            let row: FunctionRow = decode_json(key, value)?;
            if row.package == package {
                return Ok(());
            }
        }
        let prefix = code_of(package);
        let chunks =
            self.staging
                .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        chunks
            .into_iter()
            .for_each(|(key, _)| self.staging.delete(key));
        Ok(())
    }

    /// The function that a change names: ours, and not a version or an alias of it.
    fn existing_function(&self, text: &str) -> Done<FunctionRow> {
        let name = function_name(text)?;
        let scope = Scope::new(
            self.settings.region.as_str(),
            self.settings.account.as_str(),
        );
        let named = FunctionArn::resolve(&scope, text)?;
        if named.qualifier().is_some_and(|name| name != "$LATEST") {
            return Err(not_versioned().into());
        }
        let arn = named.unqualified();
        match self.function(&name)? {
            Some(row) if row.arn == arn.as_str() => Ok(row),
            _ => Err(missing_function(arn.as_str()).into()),
        }
    }

    /// Whether there is such a function, and such a version or alias of it.
    pub(crate) fn has_function(&self, arn: &FunctionArn) -> Result<bool, Error> {
        Ok(self.function_of(arn)?.is_some())
    }

    /// What an ARN of a function, a version or an alias means now; of a weighted alias its first version.
    pub(crate) fn function_of(&self, arn: &FunctionArn) -> Result<Option<FunctionRow>, Error> {
        let Ok(given) = Given::parse(arn.as_str(), None) else {
            return Ok(None);
        };
        let found = given.find(&self.staging, None)?;
        let row = found.map(|found| found.row);
        Ok(row.filter(|row| row.arn == arn.unqualified().as_str()))
    }

    fn function(&self, name: &str) -> Result<Option<FunctionRow>, Error> {
        let key = function_key(name);
        self.staging
            .get(&key)?
            .map(|value| decode_json(&key, &value))
            .transpose()
    }

    fn function_arn(&self, name: &str) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{name}",
            self.settings.region, self.settings.account
        )
    }
}

/// The name in a function name, partial ARN or ARN; a qualifier is cut off.
///
/// - Errors: `InvalidParameterValueException` for a text that is none of them.
pub(crate) fn function_name(text: &str) -> Result<String, lambda::Error> {
    let refused = || {
        lambda::Error::invalid_parameter_value_exception(format!(
            "'{text}' is not a function name, partial ARN or ARN"
        ))
    };
    let name = match text.split_once(":function:") {
        Some((_, rest)) => rest.split(':').next().unwrap_or_default(),
        None if text.matches(':').count() == 1 && !text.starts_with("arn:") => {
            text.split(':').next().unwrap_or_default()
        }
        None => text,
    };
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_name {
        Ok(name.to_string())
    } else {
        Err(refused())
    }
}

pub(crate) fn missing_function(arn: &str) -> lambda::Error {
    lambda::Error::resource_not_found_exception(format!("Function not found: {arn}"))
}

fn not_versioned() -> lambda::Error {
    lambda::Error::not_implemented("Stepwell does not implement function versions yet")
}

fn check(row: &FunctionRow) -> Result<(), lambda::Error> {
    let refuse = |text: String| Err(lambda::Error::invalid_parameter_value_exception(text));
    if !(1..=TIMEOUT_SECONDS_MAX).contains(&row.timeout_seconds) {
        return refuse(format!(
            "Timeout is {} seconds but must be from 1 to {TIMEOUT_SECONDS_MAX}",
            row.timeout_seconds
        ));
    }
    let bytes: usize = row
        .environment
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > ENVIRONMENT_BYTES_MAX {
        return refuse(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit: {bytes} bytes"
        ));
    }
    Ok(())
}

fn check_revision(row: &FunctionRow, wanted: Option<&str>) -> Result<(), lambda::Error> {
    match wanted {
        Some(wanted) if wanted != row.revision_id => {
            Err(lambda::Error::precondition_failed_exception(
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
            ))
        }
        _ => Ok(()),
    }
}

/// Lambda's own date form: `2026-01-31T10:00:00.000+0000`.
fn lambda_date(ms: i64) -> String {
    Timestamp::from_millis(ms).to_string().replace('Z', "+0000")
}
