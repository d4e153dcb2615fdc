//! Versions and aliases: describe, list.

use stepwell_api::arn::{Qualifier, StateMachineArn};
use stepwell_api::{EpochSeconds, states};
use stepwell_store::Direction;

use super::page::{cut_page, page_size};
use super::{Read, Reader, settle};
use crate::aliases;
use crate::machines::deleting;
use crate::rows::version::{Version, numbering_key, versions_of};
use crate::rows::{decode_json, version::aliases_of};
use crate::shard::Done;
use crate::staging::Rows;
use crate::target::{self, no_resource};

impl Reader {
    /// AWS: newest first. A machine that is not there has no versions (its model names no such error).
    pub fn list_state_machine_versions(
        &self,
        input: &states::ListStateMachineVersionsInput,
    ) -> Read<states::ListStateMachineVersionsOutput> {
        settle(self.version_list(input))
    }

    fn version_list(
        &self,
        input: &states::ListStateMachineVersionsInput,
    ) -> Done<states::ListStateMachineVersionsOutput> {
        let parsed = StateMachineArn::parse(&input.state_machine_arn)?;
        let prefix = versions_of(parsed.name());
        let from = self.page_start(input.next_token.as_deref(), prefix)?;
        let is_machine = *parsed.qualifier() == Qualifier::None;
        let Some(machine) = target::find_owner(&self.snapshot, &parsed)?.filter(|_| is_machine)
        else {
            return Ok(states::ListStateMachineVersionsOutput {
                state_machine_versions: Vec::new(),
                next_token: None,
            });
        };
        let limit = page_size(input.max_results);
        let to = numbering_key(&machine.name);
        let mut rows = Rows::scan(&self.snapshot, &from, &to, Direction::Ascending, limit + 1)?;
        let next_token = cut_page(&mut rows, limit).map(|key| self.token_of(&key));
        let item = |(key, value): &(Vec<u8>, Vec<u8>)| -> Done<_> {
            let version: Version = decode_json(key, value)?;
            Ok(states::StateMachineVersionListItem {
                state_machine_version_arn: version.arn(&machine),
                creation_date: EpochSeconds::from_ms(version.created_ms),
            })
        };
        Ok(states::ListStateMachineVersionsOutput {
            state_machine_versions: rows.iter().map(item).collect::<Done<_>>()?,
            next_token,
        })
    }

    pub fn describe_state_machine_alias(
        &self,
        input: &states::DescribeStateMachineAliasInput,
    ) -> Read<states::DescribeStateMachineAliasOutput> {
        settle(self.alias_description(&input.state_machine_alias_arn))
    }

    fn alias_description(&self, arn: &str) -> Done<states::DescribeStateMachineAliasOutput> {
        let (machine, alias) =
            aliases::named(&self.snapshot, arn)?.ok_or_else(|| no_resource(arn))?;
        let route = |route: &crate::rows::version::Route| states::RoutingConfigurationListItem {
            state_machine_version_arn: format!("{}:{}", machine.arn, route.version),
            weight: i32::try_from(route.weight).expect("at most 100"),
        };
        Ok(states::DescribeStateMachineAliasOutput {
            state_machine_alias_arn: Some(alias.arn(&machine.arn)),
            routing_configuration: Some(alias.routing.iter().map(route).collect()),
            creation_date: Some(EpochSeconds::from_ms(alias.created_ms)),
            update_date: Some(EpochSeconds::from_ms(alias.updated_ms)),
            name: Some(alias.name),
            description: alias.description,
        })
    }

    /// AWS: in the order of creation (recorded). The ARN of a version lists the aliases that route to it.
    pub fn list_state_machine_aliases(
        &self,
        input: &states::ListStateMachineAliasesInput,
    ) -> Read<states::ListStateMachineAliasesOutput> {
        settle(self.alias_list(input))
    }

    fn alias_list(
        &self,
        input: &states::ListStateMachineAliasesInput,
    ) -> Done<states::ListStateMachineAliasesOutput> {
        let arn = &input.state_machine_arn;
        let parsed = StateMachineArn::parse(arn)?;
        let version = match parsed.qualifier() {
            Qualifier::None => None,
            Qualifier::Version(version) => Some(*version),
            Qualifier::Alias(_) => return Err(no_resource(arn).into()),
            Qualifier::Label(_) => return Err(target::labelled(arn).into()),
        };
        let machine = target::owner(&self.snapshot, &parsed, arn)?;
        if machine.is_deleting {
            return Err(deleting(arn).into());
        }
        if let Some(version) = version {
            let found = target::version(&self.snapshot, &machine.name, version)?;
            found.ok_or_else(|| no_resource(arn))?;
        }
        let prefix = aliases_of(&machine.name);
        let limit = page_size(input.max_results);
        // The token holds the place of the next alias: they are listed by creation, not by key.
        let place = |sequence: u64| [&prefix[..], &sequence.to_be_bytes()].concat();
        let from = self.page_start(input.next_token.as_deref(), prefix.clone())?;
        let mut aliases: Vec<_> = target::aliases(&self.snapshot, &machine.name)?
            .into_iter()
            .filter(|alias| version.is_none_or(|version| alias.routes_to(version)))
            .map(|alias| (place(alias.sequence), alias))
            .filter(|(place, _)| *place >= from)
            .collect();
        let next_token = cut_page(&mut aliases, limit).map(|key| self.token_of(&key));
        let item =
            |(_, alias): (_, crate::rows::version::Alias)| states::StateMachineAliasListItem {
                state_machine_alias_arn: alias.arn(&machine.arn),
                creation_date: EpochSeconds::from_ms(alias.created_ms),
            };
        Ok(states::ListStateMachineAliasesOutput {
            state_machine_aliases: aliases.into_iter().map(item).collect(),
            next_token,
        })
    }
}
