//! Connections: how calls of API destinations are authorised.

use serde_json::Value;
use stepwell_api::EpochSeconds;
use stepwell_api::events::{self, connection_authorization_type, connection_state};
use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use super::webhook::{check_endpoint, token_call};
use super::{body, invalid, too_many};
use crate::command::{Answered, Authorization, Effect, Settings};
use crate::rows::webhook::{ConnectionRow, connection_key};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Connections of an account and region. Source: EventBridge quotas.
pub(crate) const CONNECTIONS_MAX: usize = 3_000;

impl Shard {
    pub(super) fn create_connection(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: events::CreateConnectionRequest,
    ) -> Done<Answered> {
        if find_connection(&self.staging, &input.name)?.is_some() {
            let text = format!("Connection {} already exists.", input.name);
            return Err(events::Error::resource_already_exists_exception(text).into());
        }
        if input.invocation_connectivity_parameters.is_some() {
            return Err(private_api().into());
        }
        if self.rows_from(&connection_key(""), CONNECTIONS_MAX)? >= CONNECTIONS_MAX {
            return Err(too_many().into());
        }
        let row = ConnectionRow {
            id: crate::uuid(entropy),
            name: input.name,
            description: input.description,
            kms_key: input.kms_key_identifier,
            state: String::new(),
            state_reason: None,
            authorization_type: input.authorization_type,
            auth: input.auth_parameters,
            created_ms: now.as_millis(),
            modified_ms: now.as_millis(),
            authorized_ms: None,
        };
        let row = self.authorize(now, row)?;
        Ok(body(&events::CreateConnectionResponse {
            connection_arn: Some(connection_arn(&row, &self.settings)),
            connection_state: Some(row.state.clone()),
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
        }))
    }

    pub(super) fn update_connection(
        &mut self,
        now: Timestamp,
        input: events::UpdateConnectionRequest,
    ) -> Done<Answered> {
        let mut row = self.connection_named(&input.name)?;
        if input.invocation_connectivity_parameters.is_some() {
            return Err(private_api().into());
        }
        row.modified_ms = now.as_millis();
        row.description = input.description.or(row.description);
        row.kms_key = input.kms_key_identifier.or(row.kms_key);
        if let Some(kind) = input.authorization_type {
            if kind != row.authorization_type && input.auth_parameters.is_none() {
                let text = "AuthParameters are required to change the AuthorizationType.";
                return Err(invalid(text).into());
            }
            row.authorization_type = kind;
        }
        if let Some(changes) = input.auth_parameters {
            row.auth = merged(&row.auth, &changes).map_err(invalid)?;
        }
        let row = self.authorize(now, row)?;
        Ok(body(&events::UpdateConnectionResponse {
            connection_arn: Some(connection_arn(&row, &self.settings)),
            connection_state: Some(row.state.clone()),
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
            last_authorized_time: row.authorized_ms.map(EpochSeconds::from_ms),
        }))
    }

    /// Checks a connection, writes it, and asks for a token where it needs one.
    fn authorize(&mut self, now: Timestamp, mut row: ConnectionRow) -> Done<ConnectionRow> {
        check(&mut row).map_err(invalid)?;
        row.state_reason = None;
        let state = if row.authorization_type == OAUTH {
            connection_state::AUTHORIZING
        } else {
            row.authorized_ms = Some(now.as_millis());
            connection_state::AUTHORIZED
        };
        row.state = state.to_string();
        self.put_connection(&row);
        self.ask_for_token(&row);
        Ok(row)
    }

    fn ask_for_token(&mut self, row: &ConnectionRow) {
        let arn = connection_arn(row, &self.settings);
        if let Some(token) = token_call(&arn, row) {
            self.release_effect(Effect::AuthorizeConnection(Box::new(Authorization {
                connection: row.name.clone(),
                modified_ms: row.modified_ms,
                token,
            })));
        }
    }

    /// After a restart: connections whose authorisation was under way are authorised again.
    pub(crate) fn recover_connections(&mut self) -> Result<(), Error> {
        let all = connection_key("");
        let rows = self
            .staging
            .scan(&all, &after(&all), Direction::Ascending, CONNECTIONS_MAX)?;
        for (key, value) in rows {
            let row: ConnectionRow = decode_json(&key, &value)?;
            if row.state == connection_state::AUTHORIZING {
                self.ask_for_token(&row);
            }
        }
        Ok(())
    }

    /// The shell has asked for a token.
    ///
    /// - `refused`: why there is none.
    /// - A connection that has changed since is asked for anew, and this answer is nothing.
    pub(super) fn end_authorization(
        &mut self,
        now: Timestamp,
        name: &str,
        modified_ms: i64,
        refused: Option<String>,
    ) -> Done<Answered> {
        let row = find_connection(&self.staging, name)?;
        let is_asked = |row: &ConnectionRow| {
            row.modified_ms == modified_ms && row.state == connection_state::AUTHORIZING
        };
        if let Some(mut row) = row.filter(is_asked) {
            let state = match &refused {
                None => {
                    row.authorized_ms = Some(now.as_millis());
                    connection_state::AUTHORIZED
                }
                Some(_) => connection_state::DEAUTHORIZED,
            };
            row.state = state.to_string();
            row.state_reason = refused.map(|text| text.chars().take(REASON_MAX).collect());
            self.put_connection(&row);
        }
        Ok(super::nothing())
    }

    pub(super) fn deauthorize_connection(
        &mut self,
        now: Timestamp,
        input: &events::DeauthorizeConnectionRequest,
    ) -> Done<Answered> {
        let mut row = self.connection_named(&input.name)?;
        // AWS: "removes all authorization parameters from the connection".
        row.auth = events::CreateConnectionAuthRequestParameters::default();
        row.state = connection_state::DEAUTHORIZED.to_string();
        row.modified_ms = now.as_millis();
        self.put_connection(&row);
        Ok(body(&events::DeauthorizeConnectionResponse {
            connection_arn: Some(connection_arn(&row, &self.settings)),
            connection_state: Some(row.state.clone()),
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
            last_authorized_time: row.authorized_ms.map(EpochSeconds::from_ms),
        }))
    }

    pub(super) fn delete_connection(
        &mut self,
        input: &events::DeleteConnectionRequest,
    ) -> Done<Answered> {
        let row = self.connection_named(&input.name)?;
        self.staging.delete(connection_key(&row.name));
        Ok(body(&events::DeleteConnectionResponse {
            connection_arn: Some(connection_arn(&row, &self.settings)),
            connection_state: Some(connection_state::DELETING.to_string()),
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
            last_authorized_time: row.authorized_ms.map(EpochSeconds::from_ms),
        }))
    }

    fn connection_named(&self, name: &str) -> Done<ConnectionRow> {
        Ok(find_connection(&self.staging, name)?.ok_or_else(|| missing_connection(name))?)
    }

    fn put_connection(&mut self, row: &ConnectionRow) {
        self.staging
            .put(connection_key(&row.name), encode_json(row));
    }

    pub(super) fn rows_from(&self, all: &[u8], limit: usize) -> Result<usize, Error> {
        let rows = self
            .staging
            .scan(all, &after(all), Direction::Ascending, limit)?;
        Ok(rows.len())
    }
}

const OAUTH: &str = connection_authorization_type::OAUTH_CLIENT_CREDENTIALS;

/// Characters of a connection's `StateReason`. Source: the API's model.
const REASON_MAX: usize = 512;

/// Whether a connection has what its type needs; what belongs to the other types goes.
fn check(row: &mut ConnectionRow) -> Result<(), String> {
    let auth = &mut row.auth;
    if auth.connectivity_parameters.is_some() {
        return Err("Stepwell does not reach private APIs: ConnectivityParameters".to_string());
    }
    let (has, member) = match row.authorization_type.as_str() {
        connection_authorization_type::BASIC => {
            (auth.basic_auth_parameters.is_some(), "BasicAuthParameters")
        }
        connection_authorization_type::API_KEY => (
            auth.api_key_auth_parameters.is_some(),
            "ApiKeyAuthParameters",
        ),
        _ => (auth.o_auth_parameters.is_some(), "OAuthParameters"),
    };
    if !has {
        return Err(format!(
            "Parameter {member} is not valid. Reason: {member} is required for AuthorizationType {}.",
            row.authorization_type
        ));
    }
    if member != "BasicAuthParameters" {
        auth.basic_auth_parameters = None;
    }
    if member != "ApiKeyAuthParameters" {
        auth.api_key_auth_parameters = None;
    }
    if member != "OAuthParameters" {
        auth.o_auth_parameters = None;
    }
    match &auth.o_auth_parameters {
        Some(oauth) => check_endpoint("AuthorizationEndpoint", &oauth.authorization_endpoint),
        None => Ok(()),
    }
}

/// What a connection was made with, with the changes of an update.
fn merged(
    before: &events::CreateConnectionAuthRequestParameters,
    changes: &events::UpdateConnectionAuthRequestParameters,
) -> Result<events::CreateConnectionAuthRequestParameters, String> {
    let text_keys = "a generated shape has text keys only";
    let mut merged = serde_json::to_value(before).expect(text_keys);
    merge(&mut merged, serde_json::to_value(changes).expect(text_keys));
    serde_json::from_value(merged)
        .map_err(|error| format!("Parameter AuthParameters is not valid. Reason: {error}"))
}

fn merge(before: &mut Value, changes: Value) {
    match (before, changes) {
        (Value::Object(before), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(before.entry(name).or_insert(Value::Null), change);
            }
        }
        (before, change) => *before = change,
    }
}

pub(crate) fn find_connection(rows: &dyn Rows, name: &str) -> Result<Option<ConnectionRow>, Error> {
    let key = connection_key(name);
    let value = rows.get(&key)?;
    value.map(|value| decode_json(&key, &value)).transpose()
}

/// The connection that an ARN names, if it is still that one.
pub(crate) fn connection_at(
    rows: &dyn Rows,
    arn: &str,
    settings: &Settings,
) -> Result<Option<ConnectionRow>, Error> {
    let named = arn.strip_prefix(&prefix(settings));
    let Some((name, _)) = named.and_then(|named| named.split_once('/')) else {
        return Ok(None);
    };
    let found = find_connection(rows, name)?;
    Ok(found.filter(|row| connection_arn(row, settings) == arn))
}

pub(crate) fn connection_arn(row: &ConnectionRow, settings: &Settings) -> String {
    format!("{}{}/{}", prefix(settings), row.name, row.id)
}

fn prefix(settings: &Settings) -> String {
    format!(
        "arn:aws:events:{}:{}:connection/",
        settings.region, settings.account
    )
}

pub(crate) fn missing_connection(name: &str) -> events::Error {
    events::Error::resource_not_found_exception(format!(
        "Failed to describe the connection(s). Connection '{name}' does not exist."
    ))
}

fn private_api() -> events::Error {
    let text =
        "Stepwell does not implement connections to private APIs: InvocationConnectivityParameters";
    events::Error::not_implemented(text)
}

/// What a connection shows of its parameters: everything but the secrets.
pub(crate) fn shown(row: &ConnectionRow) -> events::ConnectionAuthResponseParameters {
    let auth = row.auth.clone();
    events::ConnectionAuthResponseParameters {
        basic_auth_parameters: auth.basic_auth_parameters.map(|basic| {
            events::ConnectionBasicAuthResponseParameters {
                username: Some(basic.username),
            }
        }),
        api_key_auth_parameters: auth.api_key_auth_parameters.map(|key| {
            events::ConnectionApiKeyAuthResponseParameters {
                api_key_name: Some(key.api_key_name),
            }
        }),
        o_auth_parameters: auth.o_auth_parameters.map(|oauth| {
            events::ConnectionOAuthResponseParameters {
                client_parameters: Some(events::ConnectionOAuthClientResponseParameters {
                    client_id: Some(oauth.client_parameters.client_id),
                }),
                authorization_endpoint: Some(oauth.authorization_endpoint),
                http_method: Some(oauth.http_method),
                o_auth_http_parameters: oauth.o_auth_http_parameters.map(without_secrets),
            }
        }),
        invocation_http_parameters: auth.invocation_http_parameters.map(without_secrets),
        connectivity_parameters: None,
    }
}

fn without_secrets(
    mut parameters: events::ConnectionHttpParameters,
) -> events::ConnectionHttpParameters {
    for one in parameters.header_parameters.iter_mut().flatten() {
        one.value = one
            .value
            .take()
            .filter(|_| one.is_value_secret != Some(true));
    }
    for one in parameters.query_string_parameters.iter_mut().flatten() {
        one.value = one
            .value
            .take()
            .filter(|_| one.is_value_secret != Some(true));
    }
    for one in parameters.body_parameters.iter_mut().flatten() {
        one.value = one
            .value
            .take()
            .filter(|_| one.is_value_secret != Some(true));
    }
    parameters
}
