//! What comes over UDP to the daemon of X-Ray.

use serde_json::Value;

/// Bytes of the line that says the format. The SDKs write 30.
const HEADER_BYTES_MAX: usize = 1_024;

/// The document of a datagram: what follows the line `{"format": "json", "version": 1}`.
///
/// - Errors: why it is none, in words.
/// - Source: docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html, "Sending segment documents to the
///   X-Ray daemon".
pub fn datagram(bytes: &[u8]) -> Result<&str, &'static str> {
    let line_end = bytes
        .iter()
        .take(HEADER_BYTES_MAX)
        .position(|byte| *byte == b'\n')
        .ok_or("no line that says the format")?;
    let (header, document) = bytes.split_at(line_end);
    let header: Value =
        serde_json::from_slice(header).map_err(|_| "the line that says the format is not JSON")?;
    let is_known = header.get("format").and_then(Value::as_str) == Some("json")
        && header.get("version").and_then(Value::as_u64) == Some(1);
    if !is_known {
        return Err("the format is not json, version 1");
    }
    let document = std::str::from_utf8(document).map_err(|_| "the document is not UTF-8")?;
    let document = document.trim();
    if document.is_empty() {
        return Err("no document after the line that says the format");
    }
    Ok(document)
}
