//! Media types: what is text, and what an API calls binary.

/// A media type without its parameters, in lower case.
pub(crate) fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Whether HTTP APIs and function URLs hand a body on as text.
///
/// AWS: `text/*`, JSON, JavaScript and XML are text; everything else is base64, forms too.
pub(crate) fn is_text(content_type: Option<&str>, content_encoding: Option<&str>) -> bool {
    if content_encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return false;
    }
    let Some(content_type) = content_type else {
        return true;
    };
    let essence = essence(content_type);
    essence.starts_with("text/")
        || matches!(
            essence.as_str(),
            "application/json" | "application/javascript" | "application/xml"
        )
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

/// Whether a type is one of an API's binary media types.
pub(crate) fn is_among(types: &[String], content_type: Option<&str>) -> bool {
    let given = content_type.map(essence).unwrap_or_default();
    types.iter().any(|binary| {
        let binary = essence(binary);
        match binary.strip_suffix("/*") {
            Some("*") => true,
            Some(kind) => given.split('/').next() == Some(kind),
            None => !given.is_empty() && binary == given,
        }
    })
}
