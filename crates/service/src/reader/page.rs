//! Pages of lists, and the tokens between them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stepwell_api::states;

use super::Reader;

/// Results on a page when the caller does not say. Source: the API's documentation.
const PAGE_DEFAULT: usize = 100;

/// Milliseconds for which a token can be used. Source: the API's documentation, 24 hours.
const TOKEN_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// Before the key in a token: when it was given, in milliseconds.
const TOKEN_HEAD_BYTES: usize = 8;

impl Reader {
    /// Where a page begins: at the token, or at the beginning of the list.
    pub(super) fn page_start(
        &self,
        token: Option<&str>,
        prefix: Vec<u8>,
    ) -> Result<Vec<u8>, states::Error> {
        match token {
            None => Ok(prefix),
            Some(token) => self
                .read_token(token)
                .filter(|key| key.starts_with(&prefix))
                .ok_or_else(invalid_token),
        }
    }

    /// The text of a token that goes on at `key`.
    pub(super) fn token_of(&self, key: &[u8]) -> String {
        let given = self.now.as_millis().to_be_bytes();
        URL_SAFE_NO_PAD.encode([&given[..], key].concat())
    }

    /// The key of a token; `None` if it is not one of ours, or too old.
    pub(super) fn read_token(&self, token: &str) -> Option<Vec<u8>> {
        let mut bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        if bytes.len() < TOKEN_HEAD_BYTES {
            return None;
        }
        let key = bytes.split_off(TOKEN_HEAD_BYTES);
        let given_ms = i64::from_be_bytes(bytes.try_into().ok()?);
        let age_ms = self.now.as_millis().checked_sub(given_ms)?;
        (age_ms <= TOKEN_MS_MAX).then_some(key)
    }
}

/// AWS: 0 or absent means 100, at most 1,000.
pub(super) fn page_size(max_results: Option<i32>) -> usize {
    match max_results.and_then(|max| usize::try_from(max).ok()) {
        None | Some(0) => PAGE_DEFAULT,
        Some(max) => max,
    }
}

/// Keeps `limit` rows; the key of the first row after them if there are more.
pub(super) fn cut_page<V>(rows: &mut Vec<(Vec<u8>, V)>, limit: usize) -> Option<Vec<u8>> {
    if rows.len() <= limit {
        return None;
    }
    let next = rows[limit].0.clone();
    rows.truncate(limit);
    Some(next)
}

pub(super) fn after_key(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

pub(super) fn invalid_token() -> states::Error {
    states::Error::invalid_token("Invalid token")
}
