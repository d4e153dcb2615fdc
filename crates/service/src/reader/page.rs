//! Pages of lists, and the tokens between them.

use stepwell_api::states;

/// Results on a page when the caller does not say. Source: the API's documentation.
const PAGE_DEFAULT: usize = 100;

/// AWS: 0 or absent means 100, at most 1,000.
pub(super) fn page_size(max_results: Option<i32>) -> usize {
    match max_results.and_then(|max| usize::try_from(max).ok()) {
        None | Some(0) => PAGE_DEFAULT,
        Some(max) => max,
    }
}

pub(super) fn page_start(token: Option<&str>, prefix: Vec<u8>) -> Result<Vec<u8>, states::Error> {
    match token {
        None => Ok(prefix),
        Some(token) => read_token(token)
            .filter(|key| key.starts_with(&prefix))
            .ok_or_else(invalid_token),
    }
}

/// Keeps `limit` rows; the token of the page after them if there are more.
pub(super) fn cut_page<V>(rows: &mut Vec<(Vec<u8>, V)>, limit: usize) -> Option<String> {
    if rows.len() <= limit {
        return None;
    }
    let next = token_of(&rows[limit].0);
    rows.truncate(limit);
    Some(next)
}

pub(super) fn after_key(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

pub(super) fn token_of(key: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key)
}

pub(super) fn read_token(token: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token)
        .ok()
}

pub(super) fn invalid_token() -> states::Error {
    states::Error::invalid_token("Invalid token")
}
