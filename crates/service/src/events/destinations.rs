//! API destinations: HTTP endpoints as targets of rules.

use stepwell_api::EpochSeconds;
use stepwell_api::events::{self, api_destination_state, connection_state};
use stepwell_engine::Timestamp;
use stepwell_store::Error;

use super::connections::{connection_at, missing_connection};
use super::webhook::check_endpoint;
use super::{body, invalid, nothing, too_many};
use crate::command::{Answered, Settings};
use crate::rows::webhook::{ApiDestinationRow, api_destination_key};
use crate::rows::{decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// API destinations of an account and region. Source: EventBridge quotas.
pub(crate) const API_DESTINATIONS_MAX: usize = 3_000;

/// Calls a second where a destination does not say how many. Source: CreateApiDestination.
pub(crate) const RATE_DEFAULT: i32 = 300;

impl Shard {
    pub(super) fn create_api_destination(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: events::CreateApiDestinationRequest,
    ) -> Done<Answered> {
        if find_api_destination(&self.staging, &input.name)?.is_some() {
            let text = format!("An api-destination '{}' already exists.", input.name);
            return Err(events::Error::resource_already_exists_exception(text).into());
        }
        let all = api_destination_key("");
        if self.rows_from(&all, API_DESTINATIONS_MAX)? >= API_DESTINATIONS_MAX {
            return Err(too_many().into());
        }
        let row = ApiDestinationRow {
            id: crate::uuid(entropy),
            name: input.name,
            description: input.description,
            connection_arn: input.connection_arn,
            endpoint: input.invocation_endpoint,
            method: input.http_method,
            rate: input.invocation_rate_limit_per_second,
            created_ms: now.as_millis(),
            modified_ms: now.as_millis(),
        };
        self.put_api_destination(&row)?;
        Ok(body(&events::CreateApiDestinationResponse {
            api_destination_arn: Some(api_destination_arn(&row, &self.settings)),
            api_destination_state: Some(state_of(&self.staging, &row, &self.settings)?),
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
        }))
    }

    pub(super) fn update_api_destination(
        &mut self,
        now: Timestamp,
        input: events::UpdateApiDestinationRequest,
    ) -> Done<Answered> {
        let before = self.api_destination_named(&input.name)?;
        let row = ApiDestinationRow {
            description: input.description.or(before.description),
            connection_arn: input.connection_arn.unwrap_or(before.connection_arn),
            endpoint: input.invocation_endpoint.unwrap_or(before.endpoint),
            method: input.http_method.unwrap_or(before.method),
            rate: input.invocation_rate_limit_per_second.or(before.rate),
            modified_ms: now.as_millis(),
            ..before
        };
        self.put_api_destination(&row)?;
        Ok(body(&events::UpdateApiDestinationResponse {
            api_destination_arn: Some(api_destination_arn(&row, &self.settings)),
            api_destination_state: Some(state_of(&self.staging, &row, &self.settings)?),
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
        }))
    }

    pub(super) fn delete_api_destination(
        &mut self,
        input: &events::DeleteApiDestinationRequest,
    ) -> Done<Answered> {
        let row = self.api_destination_named(&input.name)?;
        self.staging.delete(api_destination_key(&row.name));
        Ok(nothing())
    }

    fn api_destination_named(&self, name: &str) -> Done<ApiDestinationRow> {
        let found = find_api_destination(&self.staging, name)?;
        Ok(found.ok_or_else(|| missing_api_destination(name))?)
    }

    fn put_api_destination(&mut self, row: &ApiDestinationRow) -> Done<()> {
        check_endpoint("InvocationEndpoint", &row.endpoint).map_err(invalid)?;
        if connection_at(&self.staging, &row.connection_arn, &self.settings)?.is_none() {
            return Err(missing_connection(&row.connection_arn).into());
        }
        self.staging
            .put(api_destination_key(&row.name), encode_json(row));
        Ok(())
    }
}

pub(crate) fn find_api_destination(
    rows: &dyn Rows,
    name: &str,
) -> Result<Option<ApiDestinationRow>, Error> {
    let key = api_destination_key(name);
    let value = rows.get(&key)?;
    value.map(|value| decode_json(&key, &value)).transpose()
}

/// The destination that an ARN names, if it is still that one.
pub(crate) fn api_destination_at(
    rows: &dyn Rows,
    arn: &str,
    settings: &Settings,
) -> Result<Option<ApiDestinationRow>, Error> {
    let named = arn.strip_prefix(&prefix(settings));
    let Some((name, _)) = named.and_then(|named| named.split_once('/')) else {
        return Ok(None);
    };
    let found = find_api_destination(rows, name)?;
    Ok(found.filter(|row| api_destination_arn(row, settings) == arn))
}

/// AWS: a destination is active as long as its connection may be used.
pub(crate) fn state_of(
    rows: &dyn Rows,
    row: &ApiDestinationRow,
    settings: &Settings,
) -> Result<String, Error> {
    let connection = connection_at(rows, &row.connection_arn, settings)?;
    let is_active =
        connection.is_some_and(|connection| connection.state != connection_state::DEAUTHORIZED);
    Ok(match is_active {
        true => api_destination_state::ACTIVE.to_string(),
        false => api_destination_state::INACTIVE.to_string(),
    })
}

pub(crate) fn api_destination_arn(row: &ApiDestinationRow, settings: &Settings) -> String {
    format!("{}{}/{}", prefix(settings), row.name, row.id)
}

fn prefix(settings: &Settings) -> String {
    format!(
        "arn:aws:events:{}:{}:api-destination/",
        settings.region, settings.account
    )
}

pub(crate) fn missing_api_destination(name: &str) -> events::Error {
    events::Error::resource_not_found_exception(format!(
        "Failed to describe the api-destination(s). An api-destination '{name}' does not exist."
    ))
}
