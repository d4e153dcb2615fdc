//! Activities: describe, list.

use stepwell_api::arn::ActivityArn;
use stepwell_api::{EpochSeconds, states};
use stepwell_store::Direction;

use super::page::{cut_page, page_size};
use super::{Read, Reader, settle};
use crate::activities::named;
use crate::configuration::encryption_of;
use crate::rows::activity::{Activity, activities};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

impl Reader {
    pub fn describe_activity(
        &self,
        input: &states::DescribeActivityInput,
    ) -> Read<states::DescribeActivityOutput> {
        settle(self.activity_description(&input.activity_arn))
    }

    fn activity_description(&self, arn: &str) -> Done<states::DescribeActivityOutput> {
        let found = named(&self.snapshot, &ActivityArn::parse(arn)?)?;
        let activity = found.ok_or_else(|| states::Error::activity_does_not_exist(arn))?;
        Ok(states::DescribeActivityOutput {
            encryption_configuration: Some(encryption_of(activity.encryption)),
            activity_arn: activity.arn,
            name: activity.name,
            creation_date: EpochSeconds::from_ms(activity.created_ms),
        })
    }

    pub fn list_activities(
        &self,
        input: &states::ListActivitiesInput,
    ) -> Read<states::ListActivitiesOutput> {
        settle(self.activity_list(input))
    }

    fn activity_list(
        &self,
        input: &states::ListActivitiesInput,
    ) -> Done<states::ListActivitiesOutput> {
        let limit = page_size(input.max_results);
        let from = self.page_start(input.next_token.as_deref(), activities())?;
        let to = after(&activities());
        let mut rows = Rows::scan(&self.snapshot, &from, &to, Direction::Ascending, limit + 1)?;
        let next_token = cut_page(&mut rows, limit).map(|key| self.token_of(&key));
        let item = |(key, value): &(Vec<u8>, Vec<u8>)| -> Done<_> {
            let activity: Activity = decode_json(key, value)?;
            Ok(states::ActivityListItem {
                activity_arn: activity.arn,
                name: activity.name,
                creation_date: EpochSeconds::from_ms(activity.created_ms),
            })
        };
        Ok(states::ListActivitiesOutput {
            activities: rows.iter().map(item).collect::<Done<_>>()?,
            next_token,
        })
    }
}
