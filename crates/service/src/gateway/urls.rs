//! URLs of functions.

use stepwell_api::lambda;
use stepwell_engine::Timestamp;
use stepwell_store::Direction;

use super::draw_id;
use crate::command::{Answered, Settings};
use crate::functions::named::Given;
use crate::rows::gateway::{FunctionUrlRow, url_id_key, url_key, urls_of};
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Letters of a URL's id. AWS: as many.
const ID_CHARACTERS: usize = 32;

/// The changes of functions' URLs.
#[derive(Debug)]
pub enum UrlRequest {
    Create(lambda::CreateFunctionUrlConfigRequest),
    Update(lambda::UpdateFunctionUrlConfigRequest),
    Delete(lambda::DeleteFunctionUrlConfigRequest),
}

impl Shard {
    /// Carries out a change of a function's URL; an answer of `None` where it gives nothing.
    pub(crate) fn change_url(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        request: UrlRequest,
    ) -> Done<Answered> {
        match request {
            UrlRequest::Create(input) => self.create_url(now, entropy, input),
            UrlRequest::Update(input) => {
                let named = Named::parse(&input.function_name, input.qualifier.as_deref())?;
                let mut row = find_url(&self.staging, &named)?;
                row.auth_type = input.auth_type.unwrap_or(row.auth_type);
                row.cors = input.cors.or(row.cors);
                row.invoke_mode = input.invoke_mode.unwrap_or(row.invoke_mode);
                row.updated_ms = now.as_millis();
                Ok(self.put_url(row))
            }
            UrlRequest::Delete(input) => {
                let named = Named::parse(&input.function_name, input.qualifier.as_deref())?;
                let row = find_url(&self.staging, &named)?;
                self.staging.delete(url_id_key(&row.id));
                self.staging
                    .delete(url_key(&row.function, row.qualifier.as_deref()));
                Ok(Answered::FunctionUrl(None))
            }
        }
    }

    fn create_url(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: lambda::CreateFunctionUrlConfigRequest,
    ) -> Done<Answered> {
        let named = Named::parse(&input.function_name, input.qualifier.as_deref())?;
        let given = Given::parse(&input.function_name, input.qualifier.as_deref())?;
        let arn = given.arn(&self.settings);
        if given.find(&self.staging, None)?.is_none() {
            return Err(crate::functions::missing_function(&arn).into());
        }
        let key = url_key(&named.function, named.qualifier.as_deref());
        if self.staging.get(&key)?.is_some() {
            // AWS: its words.
            let text = format!(
                "Failed to create function url config for [functionArn = {arn}]. Error message:  FunctionUrlConfig exists for this Lambda function"
            );
            return Err(lambda::Error::resource_conflict_exception(text).into());
        }
        let Settings {
            region, account, ..
        } = &self.settings;
        let mut arn = format!(
            "arn:aws:lambda:{region}:{account}:function:{}",
            named.function
        );
        if let Some(qualifier) = &named.qualifier {
            arn = format!("{arn}:{qualifier}");
        }
        Ok(self.put_url(FunctionUrlRow {
            id: draw_id(entropy, ID_CHARACTERS),
            function: named.function,
            qualifier: named.qualifier,
            arn,
            auth_type: input.auth_type,
            cors: input.cors,
            invoke_mode: input
                .invoke_mode
                .unwrap_or_else(|| lambda::invoke_mode::BUFFERED.to_owned()),
            created_ms: now.as_millis(),
            updated_ms: now.as_millis(),
        }))
    }

    fn put_url(&mut self, row: FunctionUrlRow) -> Answered {
        let qualifier = row.qualifier.as_deref();
        self.staging
            .put(url_key(&row.function, qualifier), encode_json(&row));
        let target = (&row.function, qualifier);
        self.staging.put(url_id_key(&row.id), encode_json(&target));
        Answered::FunctionUrl(Some(Box::new(row)))
    }

    /// AWS: a function's URLs go with it.
    pub(crate) fn forget_urls(&mut self, function: &str) -> Done<()> {
        let prefix = urls_of(function);
        let rows = self
            .staging
            .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        for (key, value) in rows {
            let row: FunctionUrlRow = decode_json(&key, &value)?;
            self.staging.delete(url_id_key(&row.id));
            self.staging.delete(key);
        }
        Ok(())
    }
}

/// A function and, where there is one, an alias.
pub(crate) struct Named {
    pub(crate) function: String,
    pub(crate) qualifier: Option<String>,
}

impl Named {
    pub(crate) fn parse(text: &str, qualifier: Option<&str>) -> Result<Named, lambda::Error> {
        let given = Given::parse(text, qualifier)?;
        Ok(Named {
            function: given.name,
            qualifier: given.qualifier,
        })
    }
}

pub(crate) fn find_url(rows: &impl Rows, named: &Named) -> Done<FunctionUrlRow> {
    let key = url_key(&named.function, named.qualifier.as_deref());
    match rows.get(&key)? {
        Some(value) => Ok(decode_json(&key, &value)?),
        // AWS: its words.
        None => Err(lambda::Error::resource_not_found_exception(
            "The resource you requested does not exist.",
        )
        .into()),
    }
}
