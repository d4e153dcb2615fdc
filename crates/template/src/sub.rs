//! The text of `Fn::Sub`: literal text and `${Name}`.

/// A part of an `Fn::Sub` text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// `${!Name}`: stays as `${Name}`.
    Literal(&'a str),
    Variable(&'a str),
}

/// Splits a text at its variables; a `${` without `}` is plain text.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((start, end)) = next_variable(rest) {
        if start > 0 {
            pieces.push(Piece::Text(&rest[..start]));
        }
        let name = &rest[start + 2..end];
        pieces.push(match name.strip_prefix('!') {
            Some(literal) => Piece::Literal(literal),
            None => Piece::Variable(name.trim()),
        });
        rest = &rest[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Offsets of the next `${` and of its `}`.
fn next_variable(text: &str) -> Option<(usize, usize)> {
    let start = text.find("${")?;
    let end = text[start..].find('}')?;
    // `${${Name}`: the inner one is the variable.
    let start = start + text[start..start + end].rfind("${").unwrap_or(0);
    Some((start, start + text[start..].find('}')?))
}
