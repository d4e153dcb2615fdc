//! EventBridge: connections and API destinations, as they are described and listed.

use stepwell_api::{EpochSeconds, events};
use stepwell_store::Direction;

use super::{Read, Reader, settle};
use crate::events::{
    api_destination_arn, api_destination_state, connection_arn, find_api_destination,
    find_connection, missing_api_destination, missing_connection, shown_auth,
};
use crate::rows::webhook::{ApiDestinationRow, ConnectionRow, api_destination_key, connection_key};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

impl Reader {
    pub fn describe_connection(
        &self,
        input: &events::DescribeConnectionRequest,
    ) -> Read<events::DescribeConnectionResponse> {
        settle(self.described_connection(&input.name))
    }

    fn described_connection(&self, name: &str) -> Done<events::DescribeConnectionResponse> {
        let row = find_connection(&self.snapshot, name)?.ok_or_else(|| missing_connection(name))?;
        let (region, account) = (&self.settings.region, &self.settings.account);
        // AWS keeps the parameters in a secret. Nothing serves it here; the ARN is what AWS would name it.
        let secret_arn = format!(
            "arn:aws:secretsmanager:{region}:{account}:secret:events!connection/{}/{}",
            row.name, row.id
        );
        Ok(events::DescribeConnectionResponse {
            connection_arn: Some(connection_arn(&row, &self.settings)),
            auth_parameters: Some(shown_auth(&row)),
            secret_arn: Some(secret_arn),
            name: Some(row.name),
            description: row.description,
            connection_state: Some(row.state),
            state_reason: row.state_reason,
            authorization_type: Some(row.authorization_type),
            kms_key_identifier: row.kms_key,
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
            last_authorized_time: row.authorized_ms.map(EpochSeconds::from_ms),
            invocation_connectivity_parameters: None,
        })
    }

    pub fn list_connections(
        &self,
        input: &events::ListConnectionsRequest,
    ) -> Read<events::ListConnectionsResponse> {
        settle(self.listed_connections(input))
    }

    fn listed_connections(
        &self,
        input: &events::ListConnectionsRequest,
    ) -> Done<events::ListConnectionsResponse> {
        let prefix = connection_key(input.name_prefix.as_deref().unwrap_or_default());
        let mut rows: Vec<ConnectionRow> = self.cold_rows(&prefix)?;
        rows.retain(|row| {
            let state = input.connection_state.as_ref();
            state.is_none_or(|state| *state == row.state)
        });
        let (rows, next_token) = self.page(rows, input.limit, input.next_token.as_deref())?;
        let shown = rows.into_iter().map(|row| events::Connection {
            connection_arn: Some(connection_arn(&row, &self.settings)),
            name: Some(row.name),
            connection_state: Some(row.state),
            state_reason: row.state_reason,
            authorization_type: Some(row.authorization_type),
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
            last_authorized_time: row.authorized_ms.map(EpochSeconds::from_ms),
        });
        Ok(events::ListConnectionsResponse {
            connections: Some(shown.collect()),
            next_token,
        })
    }

    pub fn describe_api_destination(
        &self,
        input: &events::DescribeApiDestinationRequest,
    ) -> Read<events::DescribeApiDestinationResponse> {
        settle(self.described_api_destination(&input.name))
    }

    fn described_api_destination(
        &self,
        name: &str,
    ) -> Done<events::DescribeApiDestinationResponse> {
        let row = find_api_destination(&self.snapshot, name)?
            .ok_or_else(|| missing_api_destination(name))?;
        Ok(events::DescribeApiDestinationResponse {
            api_destination_arn: Some(api_destination_arn(&row, &self.settings)),
            api_destination_state: Some(api_destination_state(
                &self.snapshot,
                &row,
                &self.settings,
            )?),
            name: Some(row.name),
            description: row.description,
            connection_arn: Some(row.connection_arn),
            invocation_endpoint: Some(row.endpoint),
            http_method: Some(row.method),
            invocation_rate_limit_per_second: row.rate,
            creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
            last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
        })
    }

    pub fn list_api_destinations(
        &self,
        input: &events::ListApiDestinationsRequest,
    ) -> Read<events::ListApiDestinationsResponse> {
        settle(self.listed_api_destinations(input))
    }

    fn listed_api_destinations(
        &self,
        input: &events::ListApiDestinationsRequest,
    ) -> Done<events::ListApiDestinationsResponse> {
        let prefix = api_destination_key(input.name_prefix.as_deref().unwrap_or_default());
        let mut rows: Vec<ApiDestinationRow> = self.cold_rows(&prefix)?;
        rows.retain(|row| {
            let arn = input.connection_arn.as_ref();
            arn.is_none_or(|arn| *arn == row.connection_arn)
        });
        let (rows, next_token) = self.page(rows, input.limit, input.next_token.as_deref())?;
        let mut shown = Vec::new();
        for row in rows {
            let state = api_destination_state(&self.snapshot, &row, &self.settings)?;
            shown.push(events::ApiDestination {
                api_destination_arn: Some(api_destination_arn(&row, &self.settings)),
                name: Some(row.name),
                api_destination_state: Some(state),
                connection_arn: Some(row.connection_arn),
                invocation_endpoint: Some(row.endpoint),
                http_method: Some(row.method),
                invocation_rate_limit_per_second: row.rate,
                creation_time: Some(EpochSeconds::from_ms(row.created_ms)),
                last_modified_time: Some(EpochSeconds::from_ms(row.modified_ms)),
            });
        }
        Ok(events::ListApiDestinationsResponse {
            api_destinations: Some(shown),
            next_token,
        })
    }

    /// All rows of a kind whose number a quota bounds.
    fn cold_rows<T: serde::de::DeserializeOwned>(&self, prefix: &[u8]) -> Done<Vec<T>> {
        let rows = Rows::scan(
            &self.snapshot,
            prefix,
            &after(prefix),
            Direction::Ascending,
            usize::MAX,
        )?;
        let rows = rows.iter().map(|(key, value)| decode_json(key, value));
        Ok(rows.collect::<Result<Vec<T>, _>>()?)
    }
}
