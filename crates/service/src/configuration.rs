//! What AWS checks about the configuration of state machines and activities.

use stepwell_api::states;

/// AWS: exactly one destination where logging is on, at most one where it is off.
pub(crate) fn check_logging(
    logging: Option<&states::LoggingConfiguration>,
) -> Result<(), states::Error> {
    let Some(logging) = logging else {
        return Ok(());
    };
    let is_off = logging.level.as_deref().unwrap_or("OFF") == "OFF";
    let destinations = logging.destinations.as_ref().map_or(0, Vec::len);
    if destinations > 1 || (!is_off && destinations == 0) {
        let text = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
        return Err(states::Error::invalid_logging_configuration(text));
    }
    Ok(())
}

/// Nothing is encrypted with the key that is named: whether it exists is not asked.
///
/// AWS: a customer managed key must be named, and only that kind has one. The bounds of the period are
/// constraints of the model.
pub(crate) fn check_encryption(
    encryption: Option<&states::EncryptionConfiguration>,
) -> Result<(), states::Error> {
    let Some(encryption) = encryption else {
        return Ok(());
    };
    let is_managed = encryption.r#type == states::encryption_type::CUSTOMER_MANAGED_KMS_KEY;
    let text = match (is_managed, &encryption.kms_key_id) {
        (true, None) => {
            "Invalid Encryption Configuration: kmsKeyId must be specified for the type CUSTOMER_MANAGED_KMS_KEY."
        }
        (false, Some(_)) => {
            "Invalid Encryption Configuration: kmsKeyId cannot be specified for the type AWS_OWNED_KEY."
        }
        (false, None) if encryption.kms_data_key_reuse_period_seconds.is_some() => {
            "Invalid Encryption Configuration: kmsDataKeyReusePeriodSeconds cannot be specified for the type AWS_OWNED_KEY."
        }
        _ => return Ok(()),
    };
    Err(states::Error::invalid_encryption_configuration(text))
}

/// What describes the encryption of a state machine or an activity.
///
/// AWS: one without a configuration is described with the key that AWS owns (since the keys of customers came, in
/// July 2024; older recordings have no such member).
pub(crate) fn encryption_of(
    configured: Option<states::EncryptionConfiguration>,
) -> states::EncryptionConfiguration {
    configured.unwrap_or_else(|| states::EncryptionConfiguration {
        r#type: states::encryption_type::AWS_OWNED_KEY.to_string(),
        ..Default::default()
    })
}

/// Whether both mean the same key: no configuration is the key that AWS owns.
pub(crate) fn same_encryption(
    one: &Option<states::EncryptionConfiguration>,
    other: &Option<states::EncryptionConfiguration>,
) -> bool {
    encryption_of(one.clone()) == encryption_of(other.clone())
}

pub(crate) fn check_role(role_arn: &str) -> Result<(), states::Error> {
    if role_arn.starts_with("arn:") {
        return Ok(());
    }
    Err(states::Error::invalid_arn(format!(
        "Invalid ARN prefix: {role_arn}"
    )))
}
