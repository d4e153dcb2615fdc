//! Texts of failures, kept only as far as the API shows them.

/// Characters of an error name that are kept. Source: the API's `SensitiveError`.
pub(crate) const ERROR_CHARS_MAX: usize = 256;

/// Characters of a cause that are kept. Source: the API's `SensitiveCause`.
pub(crate) const CAUSE_CHARS_MAX: usize = 32_768;

/// The first `limit` characters of a text.
pub(crate) fn cut(text: Option<String>, limit: usize) -> Option<String> {
    text.map(|mut text| {
        shorten(&mut text, limit);
        text
    })
}

/// Cuts `text` to its first `limit` characters.
pub(crate) fn shorten(text: &mut String, limit: usize) {
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
    }
}
