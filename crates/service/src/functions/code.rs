//! Packages: stored once under their hash, and kept while somebody has them.

use stepwell_api::lambda;
use stepwell_engine::Timestamp;
use stepwell_store::Direction;

use super::configuration::{check, refuse_named};
use super::{check_revision, latest_owner, packages_of};
use crate::command::{Answered, FunctionCode};
use crate::rows::function::{
    CODE_CHUNK_BYTES, FunctionRow, code_key, code_of, functions, use_key, uses_listed_key, uses_of,
};
use crate::rows::{VERSION, after, decode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Functions of an older release that are looked at together when their packages are marked.
const FUNCTIONS_AT_ONCE: usize = 256;

impl Shard {
    pub(crate) fn update_function_code(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: lambda::UpdateFunctionCodeRequest,
        code: FunctionCode,
    ) -> Done<Answered> {
        let before = self.existing_function(&input.function_name)?;
        check_revision(&before.revision_id, input.revision_id.as_deref())?;
        let refused = [("PublishTo", input.publish_to.is_some())];
        refuse_named("UpdateFunctionCode", &refused)?;
        let ids = stepwell_engine::entropy(entropy);
        let row = FunctionRow {
            package: code.package.clone(),
            code_sha256: code.code_sha256.clone(),
            code_bytes: code.zip.len() as u64,
            unzipped_bytes: code.unzipped_bytes,
            modified_ms: now.as_millis(),
            revision_id: ids.draw_uuid(),
            architectures: input
                .architectures
                .unwrap_or_else(|| before.architectures.clone()),
            ..before.clone()
        };
        check(&row)?;
        if input.dry_run == Some(true) {
            return Ok(Answered::Function(Box::new(row.configuration())));
        }
        self.store_code(&code)?;
        self.put_function(&row, Some(&before));
        let owner = latest_owner(&row.name);
        self.move_uses(&owner, &packages_of(&before), &packages_of(&row))?;
        if input.publish != Some(true) {
            return Ok(Answered::Function(Box::new(row.configuration())));
        }
        let version = self.publish_row(now, ids.draw_uuid(), &row, None)?;
        Ok(Answered::Function(Box::new(version.changed())))
    }

    pub(super) fn store_code(&mut self, code: &FunctionCode) -> Done<()> {
        if self.staging.get(&code_key(&code.package, 0))?.is_some() {
            return Ok(());
        }
        for (chunk, bytes) in (0u64..).zip(code.zip.chunks(CODE_CHUNK_BYTES)) {
            self.staging
                .put(code_key(&code.package, chunk), bytes.to_vec());
        }
        Ok(())
    }

    /// `owner` had some packages and has others now: those that nobody has any more are removed.
    ///
    /// INVARIANT: whoever has a package has a mark on it.
    pub(super) fn move_uses(
        &mut self,
        owner: &str,
        before: &[String],
        after: &[String],
    ) -> Done<()> {
        self.mark_older_uses()?;
        for package in after.iter().filter(|package| !before.contains(package)) {
            self.staging.put(use_key(package, owner), vec![VERSION]);
        }
        for package in before.iter().filter(|package| !after.contains(package)) {
            self.staging.delete(use_key(package, owner));
            self.forget_unused(package)?;
        }
        Ok(())
    }

    fn forget_unused(&mut self, package: &str) -> Done<()> {
        let uses = uses_of(package);
        let is_used = !self
            .staging
            .scan(&uses, &crate::rows::after(&uses), Direction::Ascending, 1)?
            .is_empty();
        if is_used {
            return Ok(());
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

    /// An older release wrote no marks: its functions get theirs before the first mark is looked at.
    fn mark_older_uses(&mut self) -> Done<()> {
        if self.staging.get(&uses_listed_key())?.is_some() {
            return Ok(());
        }
        let mut from = functions();
        loop {
            let rows = self.staging.scan(
                &from,
                &after(&functions()),
                Direction::Ascending,
                FUNCTIONS_AT_ONCE,
            )?;
            for (key, value) in &rows {
                let row: FunctionRow = decode_json(key, value)?;
                for package in packages_of(&row) {
                    let owner = latest_owner(&row.name);
                    self.staging.put(use_key(&package, &owner), vec![VERSION]);
                }
            }
            let Some((last, _)) = rows.last() else {
                break;
            };
            from = [last.as_slice(), &[0]].concat();
        }
        self.staging.put(uses_listed_key(), vec![VERSION]);
        Ok(())
    }
}
