//! `stepwell.toml`: what a server is told beside its command line.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, bail};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::embedded::{self, Limits, Mask, OtlpOptions, Retention};
use crate::otlp;

/// The file that is looked for in an application's directory.
const FILE_NAME: &str = "stepwell.toml";
/// A file of settings or of access keys is a page, not a book.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The settings of a file; without a file, nothing is set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Where services are that Stepwell does not serve, by service id: `[endpoints]`.
    pub endpoints: BTreeMap<String, String>,
    /// How long executions are kept after their end: `executions` in `[retention]`.
    pub retention: Option<Retention>,
    /// How much a server takes on: `[limits]`.
    pub limits: Limits,
    /// How OpenTelemetry is sent on and taken: `[telemetry.otlp]`, and the variables of OpenTelemetry.
    pub otlp: OtlpOptions,
    /// Fields that the console does not get: `mask` in `[console]`.
    pub mask: Mask,
}

impl Configuration {
    /// Of the application in `directory`, which needs no such file.
    pub fn of_application(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join(FILE_NAME);
        if path.exists() {
            Self::read(&path)
        } else {
            Ok(Self::default())
        }
    }

    /// Of a file that was named.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let text = page(path)?;
        Self::parse(&text)
            .map_err(|(at, reason)| anyhow::anyhow!("{shown}:{}: {reason}", line(&text, at)))
    }

    /// Fails with the place of what is wrong, in bytes, and what it is.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let document = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            (at, error.message().to_owned())
        })?;
        let mut configuration = Self::default();
        for (name, value) in document.get_ref() {
            match name.get_ref().as_ref() {
                "endpoints" => configuration.endpoints = endpoints(value)?,
                "retention" => configuration.retention = retention(value)?,
                "limits" => {
                    let telemetry = configuration.limits.telemetry;
                    configuration.limits = limits(value)?;
                    configuration.limits.telemetry = telemetry;
                }
                "console" => configuration.mask = console(value)?,
                "telemetry" => telemetry(value, &mut configuration)?,
                unknown => {
                    return Err((
                        name.span().start,
                        format!(
                            "unknown table or key {unknown:?}: [endpoints], [retention], [limits], [telemetry] and [console] are known"
                        ),
                    ));
                }
            }
        }
        Ok(configuration)
    }
}

/// The text of a file that a person writes.
pub fn page(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let length = fs::metadata(path)
        .with_context(|| format!("cannot read {shown}"))?
        .len();
    if length > FILE_BYTES_MAX {
        bail!("{shown} has {length} bytes, at most {FILE_BYTES_MAX} are allowed");
    }
    fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))
}

fn endpoints(table: &Spanned<DeValue<'_>>) -> Result<BTreeMap<String, String>, (usize, String)> {
    let DeValue::Table(table) = table.get_ref() else {
        return Err((
            table.span().start,
            "endpoints is a table: [endpoints]".to_owned(),
        ));
    };
    let mut found = BTreeMap::new();
    for (name, value) in table {
        let id = name.get_ref().as_ref();
        let DeValue::String(url) = value.get_ref() else {
            return Err((
                value.span().start,
                format!("the endpoint of {id} is text, as in {id} = \"http://127.0.0.1:9324\""),
            ));
        };
        embedded::check_endpoint(id, url).map_err(|reason| (name.span().start, reason))?;
        found.insert(id.to_owned(), url.trim_end_matches('/').to_owned());
    }
    Ok(found)
}

fn retention(table: &Spanned<DeValue<'_>>) -> Result<Option<Retention>, (usize, String)> {
    let DeValue::Table(table) = table.get_ref() else {
        return Err((
            table.span().start,
            "retention is a table: [retention]".to_owned(),
        ));
    };
    let mut found = None;
    for (name, value) in table {
        let (key, at) = (name.get_ref().as_ref(), name.span().start);
        let DeValue::String(text) = value.get_ref() else {
            return Err((at, format!("{key} is text, as in executions = \"90d\"")));
        };
        if key != "executions" {
            return Err((
                at,
                format!("unknown key {key:?}: executions is known in [retention]"),
            ));
        }
        found = Some(text.parse().map_err(|reason| (at, reason))?);
    }
    Ok(found)
}

fn limits(table: &Spanned<DeValue<'_>>) -> Result<Limits, (usize, String)> {
    let DeValue::Table(entries) = table.get_ref() else {
        let reason = "limits is a table: [limits]".to_owned();
        return Err((table.span().start, reason));
    };
    let mut limits = Limits::default();
    for (name, value) in entries {
        let id = name.get_ref().as_ref();
        let at = value.span().start;
        match value.get_ref() {
            DeValue::Boolean(is_on) if id == "aws_quotas" => limits.aws_quotas = *is_on,
            _ if id == "aws_quotas" => {
                return Err((at, "aws_quotas is true or false".to_owned()));
            }
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix())
                    .map_err(|error| (at, format!("the limit {id}: {error}")))?;
                limits.set(id, number).map_err(|reason| (at, reason))?;
            }
            _ => return Err((at, format!("the limit {id} is a whole number"))),
        }
    }
    Ok(limits)
}

fn console(table: &Spanned<DeValue<'_>>) -> Result<Mask, (usize, String)> {
    let DeValue::Table(entries) = table.get_ref() else {
        let reason = "console is a table: [console]".to_owned();
        return Err((table.span().start, reason));
    };
    let mut mask = Mask::default();
    for (name, value) in entries {
        let (id, at) = (name.get_ref().as_ref(), value.span().start);
        if id != "mask" {
            let reason = format!("unknown key {id:?}: mask is known in [console]");
            return Err((name.span().start, reason));
        }
        let texts = || {
            let DeValue::Array(rules) = value.get_ref() else {
                return None;
            };
            let text = |rule: &Spanned<DeValue<'_>>| match rule.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            };
            rules.iter().map(text).collect::<Option<Vec<String>>>()
        };
        let rules = texts().ok_or_else(|| {
            let reason =
                "mask is a list of texts, as in mask = [\"$.card.number\", \"**.password\"]";
            (at, reason.to_owned())
        })?;
        mask = Mask::parse(&rules).map_err(|reason| (at, reason))?;
    }
    Ok(mask)
}

fn telemetry(
    table: &Spanned<DeValue<'_>>,
    configuration: &mut Configuration,
) -> Result<(), (usize, String)> {
    let DeValue::Table(entries) = table.get_ref() else {
        let reason = "telemetry is a table: [telemetry]".to_owned();
        return Err((table.span().start, reason));
    };
    for (name, value) in entries {
        let id = name.get_ref().as_ref();
        if id == "otlp" {
            configuration.otlp = otlp::read(value)?;
            continue;
        }
        let at = value.span().start;
        let DeValue::Integer(number) = value.get_ref() else {
            return Err((at, format!("{id} is a whole number")));
        };
        let number = i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|error| (at, format!("{id}: {error}")))?;
        configuration
            .limits
            .telemetry
            .set(id, number)
            .map_err(|reason| (at, reason))?;
    }
    Ok(())
}

/// The number of the line of a place, from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match Configuration::parse(text) {
            Ok(_) => "taken".to_owned(),
            Err((at, reason)) => format!("{}: {reason}", line(text, at)),
        }
    }

    #[test]
    fn endpoints_are_read_by_service() {
        let text = "# queues\n[endpoints]\nsqs = \"http://127.0.0.1:9324/\"\ndynamodb = 'https://db.example.com/a'\n";
        let read = Configuration::parse(text).expect("it is right");
        assert_eq!(
            read.endpoints,
            BTreeMap::from([
                ("dynamodb".to_owned(), "https://db.example.com/a".to_owned()),
                ("sqs".to_owned(), "http://127.0.0.1:9324".to_owned()),
            ])
        );
        assert_eq!(Configuration::parse(""), Ok(Configuration::default()));
    }

    #[test]
    fn the_retention_of_executions_is_read() {
        for text in ["7d", "never"] {
            let read = Configuration::parse(&format!("[retention]\nexecutions = \"{text}\"\n"));
            assert_eq!(read.map(|read| read.retention), Ok(text.parse().ok()));
        }
        assert_eq!(
            Configuration::parse("").map(|read| read.retention),
            Ok(None)
        );
    }

    #[test]
    fn budgets_of_telemetry_are_read_by_name() {
        let read = Configuration::parse(
            "[telemetry]\nlogs_disk_bytes = 1_073_741_824\ntraces_retention_days = 3\n[limits]\nactivities = 5\n",
        );
        let limits = read.map(|read| read.limits).expect("it is right");
        assert_eq!(limits.telemetry.logs_disk_bytes, 1 << 30);
        assert_eq!(limits.telemetry.traces_retention_days, 3);
        assert_eq!(limits.activities, 5);
        for (text, expected) in [
            (
                "[telemetry]\nlogs = 1\n",
                "2: unknown key \"logs\": logs_disk_bytes, traces_retention_days and otlp are known in [telemetry]",
            ),
            (
                "[telemetry]\nlogs_disk_bytes = 1\n",
                "2: logs_disk_bytes is 1, and must be at least 268435456",
            ),
            (
                "[telemetry]\nlogs_disk_bytes = 268435456\ntraces_retention_days = 0\n",
                "3: traces_retention_days is 0, and must be at least 1 and at most 3653",
            ),
            (
                "[telemetry]\nlogs_disk_bytes = \"1\"\n",
                "2: logs_disk_bytes is a whole number",
            ),
            ("telemetry = 1\n", "1: telemetry is a table: [telemetry]"),
        ] {
            assert_eq!(told(text), expected);
        }
    }

    #[test]
    fn limits_are_read_by_name() {
        let text = "[limits]\naws_quotas = true\nconnections = 20_000\nbody_bytes = 0x1000\n";
        let read = Configuration::parse(text).expect("it is right");
        let expected = Limits {
            aws_quotas: true,
            connections: 20_000,
            body_bytes: 4_096,
            ..Limits::default()
        };
        assert_eq!(read.limits, expected);
    }

    #[test]
    fn a_collector_is_read() {
        let text = "[telemetry.otlp]\nendpoint = 'http://c:4318'\nheaders = { x-key = 'a' }\nlogs = false\nreceive = 'off'\n";
        let read = Configuration::parse(text).expect("it is right").otlp;
        let export = read.export.expect("there is an endpoint");
        assert_eq!(export.endpoint, "http://c:4318");
        assert_eq!(export.headers, [("x-key".to_owned(), "a".to_owned())]);
        assert!(export.traces && !export.logs);
        assert_eq!(read.receive, embedded::OtlpSenders::Nobody);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, says) in [
            ("\n[endpoint]\n", "2: unknown table or key \"endpoint\""),
            ("[endpoints]\nsqs = 7\n", "2: the endpoint of sqs is text"),
            (
                "[endpoints]\n\nsqss = \"http://h\"\n",
                "3: there is no service \"sqss\" in AWS_ENDPOINT_URL_<SERVICE>, do you mean sqs",
            ),
            (
                "[endpoints]\nsqs = \"ftp://h\"\n",
                "2: the endpoint of sqs is \"ftp://h\", and must begin with http:// or https://",
            ),
            ("endpoints = 1\n", "1: endpoints is a table"),
            (
                "[endpoints]\nsqs = \"http://h\"\nsqs = \"http://i\"\n",
                "3: duplicate key",
            ),
            ("[endpoints\n", "1: "),
            (
                "[retention]\nexecutions = \"90\"\n",
                "2: a retention is a whole number with its unit",
            ),
            (
                "[retention]\nexecutions = 90\n",
                "2: executions is text, as in executions = \"90d\"",
            ),
            ("[retention]\nlogs = \"1d\"\n", "2: unknown key \"logs\""),
            ("retention = \"90d\"\n", "1: retention is a table"),
            ("limits = 1\n", "1: limits is a table"),
            ("telemetry = 1\n", "1: telemetry is a table"),
            ("console = 1\n", "1: console is a table"),
            ("[console]\nmask = \"$.a\"\n", "2: mask is a list of texts"),
            (
                "[console]\nmask = [\"$.a\", \"password\"]\n",
                "2: the rule \"password\" must begin with $ or with **",
            ),
            ("[console]\nmaks = []\n", "2: unknown key \"maks\""),
            (
                "[telemetry]\notlp = 1\n",
                "2: otlp is a table: [telemetry.otlp]",
            ),
            (
                "[telemetry.otlp]\nprotocol = 'grpc'\n",
                "2: protocol needs an endpoint",
            ),
            (
                "[telemetry.otlp]\nendpoint = 'http://c'\nprotocol = 'udp'\n",
                "3: the OTLP protocol is \"udp\"",
            ),
            (
                "[telemetry.otlp]\nendpoint = 'http://c'\ntimeout_ms = 0\n",
                "3: the OTLP timeout must be 1 to 120000 ms",
            ),
            (
                "[telemetry.otlp]\nreceive = 'all'\n",
                "2: receive is \"all\", and must be",
            ),
            (
                "[telemetry.otlp]\ngrpc_listen = '4317'\n",
                "2: grpc_listen is \"4317\"",
            ),
            ("[telemetry.otlp]\nport = 1\n", "2: unknown key \"port\""),
            (
                "[limits]\nconnections = 'many'\n",
                "2: the limit connections is a whole number",
            ),
            (
                "[limits]\naws_quotas = 1\n",
                "2: aws_quotas is true or false",
            ),
            (
                "[limits]\nconnections = 0\n",
                "2: the limit connections is 0, and must be at least 1",
            ),
            ("[limits]\n\nqueue = 5\n", "3: unknown limit \"queue\""),
        ] {
            let told = told(text);
            assert!(told.starts_with(says), "{text:?}: {told}");
        }
    }
}
