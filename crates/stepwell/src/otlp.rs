//! What is told of OpenTelemetry: `[telemetry.otlp]` of `stepwell.toml`, and the variables `OTEL_EXPORTER_OTLP_*`.

use std::time::Duration;

use anyhow::bail;
use toml::{Spanned, de::DeValue};

use crate::embedded::{OtlpExport, OtlpOptions, OtlpProtocol, OtlpSenders};

/// Headers of a collector.
const HEADERS_MAX: usize = 32;

/// Milliseconds that a request may take.
const TIMEOUT_MS_MAX: i64 = 120_000;

type Wrong = (usize, String);

/// Reads `[telemetry.otlp]`.
pub fn read(table: &Spanned<DeValue<'_>>) -> Result<OtlpOptions, Wrong> {
    let DeValue::Table(entries) = table.get_ref() else {
        return Err((
            table.span().start,
            "otlp is a table: [telemetry.otlp]".to_owned(),
        ));
    };
    let mut options = OtlpOptions::default();
    // The endpoint makes the rest.
    if let Some((_, endpoint)) = entries
        .iter()
        .find(|(name, _)| name.get_ref() == "endpoint")
    {
        options.export = Some(OtlpExport::to(text(endpoint, "endpoint")?));
    }
    for (name, value) in entries {
        let (key, at) = (name.get_ref().as_ref(), value.span().start);
        match key {
            "endpoint" => {}
            "receive" => {
                options.receive = senders(&text(value, key)?).map_err(|reason| (at, reason))?
            }
            "grpc_listen" => {
                let address = text(value, key)?;
                let address = address.parse().map_err(|_| {
                    (
                        at,
                        format!("grpc_listen is {address:?}, and must be as in \"127.0.0.1:4317\""),
                    )
                })?;
                options.grpc = Some(address);
            }
            "protocol" | "headers" | "timeout_ms" | "compression" | "traces" | "metrics"
            | "logs" => {
                let Some(export) = &mut options.export else {
                    return Err((name.span().start, format!("{key} needs an endpoint")));
                };
                set(export, key, value)?;
            }
            unknown => {
                let reason = format!(
                    "unknown key {unknown:?}: endpoint, protocol, headers, timeout_ms, compression, traces, metrics, logs, receive and grpc_listen are known in [telemetry.otlp]"
                );
                return Err((name.span().start, reason));
            }
        }
    }
    if let Some(export) = &options.export {
        export
            .check()
            .map_err(|reason| (table.span().start, reason))?;
    }
    Ok(options)
}

fn set(export: &mut OtlpExport, key: &str, value: &Spanned<DeValue<'_>>) -> Result<(), Wrong> {
    let at = value.span().start;
    let wrong = |reason: String| (at, reason);
    match key {
        "protocol" => export.protocol = protocol(&text(value, key)?).map_err(wrong)?,
        "compression" => export.compresses = compression(&text(value, key)?).map_err(wrong)?,
        "headers" => {
            let DeValue::Table(headers) = value.get_ref() else {
                return Err((
                    at,
                    "headers is a table, as in { x-api-key = \"...\" }".to_owned(),
                ));
            };
            if headers.len() > HEADERS_MAX {
                return Err((
                    at,
                    format!("{} headers, at most {HEADERS_MAX} are sent", headers.len()),
                ));
            }
            for (name, value) in headers {
                let value = text(value, name.get_ref())?;
                export.headers.push((name.get_ref().to_string(), value));
            }
        }
        "timeout_ms" => {
            let DeValue::Integer(number) = value.get_ref() else {
                return Err((at, "timeout_ms is a whole number".to_owned()));
            };
            let number = i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(-1);
            export.timeout = timeout(number).map_err(wrong)?;
        }
        _ => {
            let DeValue::Boolean(is_wanted) = value.get_ref() else {
                return Err((at, format!("{key} is true or false")));
            };
            match key {
                "traces" => export.traces = *is_wanted,
                "metrics" => export.metrics = *is_wanted,
                _ => export.logs = *is_wanted,
            }
        }
    }
    Ok(())
}

fn text(value: &Spanned<DeValue<'_>>, key: &str) -> Result<String, Wrong> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        _ => Err((value.span().start, format!("{key} is text"))),
    }
}

fn protocol(text: &str) -> Result<OtlpProtocol, String> {
    match text {
        "http/protobuf" => Ok(OtlpProtocol::HttpProtobuf),
        "grpc" => Ok(OtlpProtocol::Grpc),
        other => Err(format!(
            "the OTLP protocol is {other:?}, and must be \"http/protobuf\" or \"grpc\""
        )),
    }
}

fn compression(text: &str) -> Result<bool, String> {
    match text {
        "gzip" => Ok(true),
        "none" => Ok(false),
        other => Err(format!(
            "the OTLP compression is {other:?}, and must be \"gzip\" or \"none\""
        )),
    }
}

fn senders(text: &str) -> Result<OtlpSenders, String> {
    match text {
        "loopback" => Ok(OtlpSenders::Loopback),
        "any" => Ok(OtlpSenders::Anybody),
        "off" => Ok(OtlpSenders::Nobody),
        other => Err(format!(
            "receive is {other:?}, and must be \"loopback\", \"any\" or \"off\""
        )),
    }
}

fn timeout(ms: i64) -> Result<Duration, String> {
    match u64::try_from(ms) {
        Ok(ms) if (1..=TIMEOUT_MS_MAX as u64).contains(&ms) => Ok(Duration::from_millis(ms)),
        _ => Err(format!("the OTLP timeout must be 1 to {TIMEOUT_MS_MAX} ms")),
    }
}

/// Puts what the variables of OpenTelemetry say where the settings name no endpoint.
///
/// - `variable`: the value of a variable; an empty one is as good as none.
/// - Errors: a variable that has a value which cannot be.
pub fn of_environment(
    options: &mut OtlpOptions,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let of_otlp = |name: &str| variable(&format!("OTEL_EXPORTER_OTLP_{name}"));
    if options.export.is_some() || variable("OTEL_SDK_DISABLED").as_deref() == Some("true") {
        return Ok(());
    }
    let Some(endpoint) = of_otlp("ENDPOINT") else {
        return Ok(());
    };
    let mut export = OtlpExport::to(endpoint);
    if let Some(named) = of_otlp("PROTOCOL") {
        export.protocol = protocol(&named).map_err(anyhow::Error::msg)?;
    }
    if let Some(named) = of_otlp("COMPRESSION") {
        export.compresses = compression(&named).map_err(anyhow::Error::msg)?;
    }
    if let Some(ms) = of_otlp("TIMEOUT") {
        export.timeout = timeout(ms.parse().unwrap_or(-1)).map_err(anyhow::Error::msg)?;
    }
    for pair in of_otlp("HEADERS")
        .unwrap_or_default()
        .split(',')
        .filter(|pair| !pair.is_empty())
    {
        let Some((name, value)) = pair.split_once('=') else {
            bail!("OTEL_EXPORTER_OTLP_HEADERS has {pair:?}, which is no name=value");
        };
        export
            .headers
            .push((name.trim().to_owned(), percent_decoded(value.trim())));
    }
    if export.headers.len() > HEADERS_MAX {
        bail!("OTEL_EXPORTER_OTLP_HEADERS has more than {HEADERS_MAX} headers");
    }
    let is_off =
        |signal: &str| variable(&format!("OTEL_{signal}_EXPORTER")).as_deref() == Some("none");
    export.traces = !is_off("TRACES");
    export.metrics = !is_off("METRICS");
    export.logs = !is_off("LOGS");
    export.check().map_err(anyhow::Error::msg)?;
    options.export = Some(export);
    Ok(())
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> anyhow::Result<OtlpOptions> {
        let mut options = OtlpOptions::default();
        of_environment(&mut options, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })?;
        Ok(options)
    }

    #[test]
    fn the_variables_of_opentelemetry_name_a_collector() {
        let options = of(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b,other=%zz"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
            ("OTEL_LOGS_EXPORTER", "none"),
        ]);
        let export = options
            .expect("they are right")
            .export
            .expect("a collector");
        let expected = OtlpExport {
            protocol: OtlpProtocol::Grpc,
            headers: vec![
                ("x-key".to_owned(), "a b".to_owned()),
                ("other".to_owned(), "%zz".to_owned()),
            ],
            timeout: Duration::from_millis(2_500),
            compresses: false,
            logs: false,
            ..OtlpExport::to("http://c:4317")
        };
        assert_eq!(export, expected);
        assert_eq!(of(&[]).expect("nothing is said"), OtlpOptions::default());
        let disabled = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_SDK_DISABLED", "true"),
        ];
        assert_eq!(
            of(&disabled).expect("nothing is wrong"),
            OtlpOptions::default()
        );
    }

    #[test]
    fn a_variable_that_cannot_be_is_refused() {
        for (name, value, says) in [
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                "http/json",
                "must be \"http/protobuf\" or \"grpc\"",
            ),
            (
                "OTEL_EXPORTER_OTLP_TIMEOUT",
                "soon",
                "must be 1 to 120000 ms",
            ),
            ("OTEL_EXPORTER_OTLP_HEADERS", "key", "no name=value"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c", "speaks no TLS"),
        ] {
            let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c");
            let told = of(&[(name, value), endpoint])
                .expect_err("it cannot be")
                .to_string();
            assert!(told.contains(says), "{told}");
        }
    }
}
