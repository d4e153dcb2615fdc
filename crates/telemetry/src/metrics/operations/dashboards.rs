//! Dashboards: texts in JSON that are kept and shown, and the tags of dashboards and alarms.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_api::EpochSeconds;
use stepwell_api::cloudwatch::{
    DashboardEntry, DashboardValidationMessage, Error, GetDashboardOutput, ListDashboardsInput,
    ListDashboardsOutput, Tag,
};
use stepwell_store::{Direction, Error as StoreError};

use crate::metrics::rows::{self, Kind};
use crate::metrics::{Metrics, MetricsReader};

/// Dashboards that are kept.
pub const DASHBOARDS_MAX: usize = 5_000;

/// Widgets of a dashboard. AWS: 500.
const WIDGETS_MAX: usize = 500;

/// Entries of one page of ListDashboards. AWS: 1,000.
const ENTRIES_MAX: usize = 1_000;

/// Tags of a resource. AWS: 50.
pub const TAGS_MAX: usize = 50;

/// The types of widgets.
const WIDGETS: [&str; 6] = ["metric", "text", "log", "alarm", "explorer", "custom"];

/// A dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    /// When it was put.
    pub modified_ms: i64,
    /// Its JSON as it came.
    pub body: String,
}

/// Whether a name can be that of a dashboard.
///
/// - Errors: AWS's words.
pub fn check_name(name: &str) -> Result<(), Error> {
    let is_name = (1..=255).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    match is_name {
        true => Ok(()),
        false => Err(Error::dashboard_invalid_input_error(format!(
            "The value {name} for field DashboardName contains invalid characters. It can only contain alphanumerics, \
             dash (-) and underscore (_)."
        ))),
    }
}

/// What is wrong with a body: what forbids to keep it, and what does not.
#[derive(Debug, Default, PartialEq)]
pub struct Findings {
    /// The dashboard is not kept.
    pub errors: Vec<DashboardValidationMessage>,
    /// It is kept and its writer is told.
    pub warnings: Vec<DashboardValidationMessage>,
}

/// Checks the body of a dashboard.
///
/// - Errors: a body that is no JSON object.
pub fn check_body(body: &str) -> Result<Findings, Error> {
    let Ok(Value::Object(dashboard)) = serde_json::from_str(body) else {
        let text = "The field DashboardBody must be a valid JSON object";
        return Err(Error::dashboard_invalid_input_error(text));
    };
    let mut findings = Findings::default();
    let Some(widgets) = dashboard.get("widgets") else {
        findings
            .errors
            .push(message("", "Should have required property 'widgets'"));
        return Ok(findings);
    };
    let Value::Array(widgets) = widgets else {
        findings.errors.push(message("/widgets", "Should be array"));
        return Ok(findings);
    };
    if widgets.len() > WIDGETS_MAX {
        let text = format!("Should NOT have more than {WIDGETS_MAX} items");
        findings.errors.push(message("/widgets", &text));
        return Ok(findings);
    }
    for (index, widget) in widgets.iter().enumerate() {
        check_widget(widget, &format!("/widgets/{index}"), &mut findings);
    }
    Ok(findings)
}

fn check_widget(widget: &Value, path: &str, findings: &mut Findings) {
    let Value::Object(widget) = widget else {
        return findings.errors.push(message(path, "Should be object"));
    };
    match widget.get("type").and_then(Value::as_str) {
        None => findings
            .errors
            .push(message(path, "Should have required property 'type'")),
        Some(kind) if !WIDGETS.contains(&kind) => {
            let text = format!(
                "Should be equal to one of the allowed values: {}",
                WIDGETS.join(", ")
            );
            findings
                .errors
                .push(message(&format!("{path}/type"), &text));
        }
        Some(_) => {}
    }
    match widget.get("properties") {
        None => findings
            .errors
            .push(message(path, "Should have required property 'properties'")),
        Some(Value::Object(properties)) => {
            let is_metric = widget.get("type").and_then(Value::as_str) == Some("metric");
            if is_metric
                && !["metrics", "annotations"]
                    .iter()
                    .any(|name| properties.contains_key(*name))
            {
                let text = "Should have property 'metrics' or 'annotations'";
                findings
                    .errors
                    .push(message(&format!("{path}/properties"), text));
            }
            if is_metric && !properties.contains_key("region") {
                let text = "Should have property 'region'";
                findings
                    .warnings
                    .push(message(&format!("{path}/properties"), text));
            }
        }
        Some(_) => findings
            .errors
            .push(message(&format!("{path}/properties"), "Should be object")),
    }
    for (name, most) in [("x", 23), ("y", i64::MAX), ("width", 24), ("height", 1_000)] {
        let least = i64::from(matches!(name, "width" | "height"));
        let is_right = widget.get(name).is_none_or(|value| {
            value
                .as_i64()
                .is_some_and(|value| (least..=most).contains(&value))
        });
        if !is_right {
            let text = format!("Should be a whole number from {least} to {most}");
            findings
                .errors
                .push(message(&format!("{path}/{name}"), &text));
        }
    }
}

fn message(path: &str, text: &str) -> DashboardValidationMessage {
    DashboardValidationMessage {
        data_path: Some(path.to_owned()),
        message: Some(text.to_owned()),
    }
}

/// The error of a body with errors. AWS: the messages stand in the text as well.
pub fn invalid_body(errors: &[DashboardValidationMessage]) -> Error {
    let list = serde_json::to_string_pretty(errors).expect("a generated shape has text keys only");
    Error::dashboard_invalid_input_error(format!(
        "The dashboard body is invalid, there are {} validation errors:\n{list}",
        errors.len()
    ))
}

fn key(name: &str) -> Vec<u8> {
    [rows::start(Kind::Dashboard).as_slice(), name.as_bytes()].concat()
}

fn tags_key(arn: &str) -> Vec<u8> {
    [rows::start(Kind::Tags).as_slice(), arn.as_bytes()].concat()
}

fn decode<T: serde::de::DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, StoreError> {
    let body = rows::body(key, value)?;
    postcard::from_bytes(body).map_err(|_| rows::corrupt(key))
}

fn encode(row: &impl Serialize) -> Vec<u8> {
    let text = postcard::to_allocvec(row).expect("a row is texts and numbers");
    [&[rows::VERSION], text.as_slice()].concat()
}

impl Metrics {
    /// Keeps a dashboard; `false` if there are too many.
    pub fn put_dashboard(&mut self, name: &str, dashboard: &Dashboard) -> Result<bool, StoreError> {
        let key = key(name);
        if self.row(&key)?.is_none() {
            let (from, to) = (rows::start(Kind::Dashboard), rows::end(Kind::Dashboard));
            let there = self
                .snapshot
                .scan(&from, &to, Direction::Ascending, DASHBOARDS_MAX)?;
            if there.len() == DASHBOARDS_MAX {
                return Ok(false);
            }
        }
        self.put_row(key, encode(dashboard));
        Ok(true)
    }

    /// Deletes dashboards with their tags; gives the first name that is none, then nothing is deleted.
    ///
    /// - `names`: with the ARN of each.
    pub fn delete_dashboards(
        &mut self,
        names: &[(String, String)],
    ) -> Result<Option<String>, StoreError> {
        for (name, _) in names {
            if self.row(&key(name))?.is_none() {
                return Ok(Some(name.clone()));
            }
        }
        for (name, arn) in names {
            self.delete_row(key(name));
            self.delete_row(tags_key(arn));
        }
        Ok(None)
    }

    /// Whether there is a dashboard of this name.
    pub fn has_dashboard(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.row(&key(name))?.is_some())
    }

    /// Adds tags to a resource, or replaces their values; `false` if there would be too many.
    pub fn tag(&mut self, arn: &str, tags: &[Tag]) -> Result<bool, StoreError> {
        let key = tags_key(arn);
        let mut all: Vec<(String, String)> = match self.row(&key)? {
            Some(value) => decode(&key, &value)?,
            None => Vec::new(),
        };
        for tag in tags {
            all.retain(|(name, _)| *name != tag.key);
            all.push((tag.key.clone(), tag.value.clone()));
        }
        if all.len() > TAGS_MAX {
            return Ok(false);
        }
        self.put_row(key, encode(&all));
        Ok(true)
    }

    /// Takes tags from a resource.
    pub fn untag(&mut self, arn: &str, keys: &[String]) -> Result<(), StoreError> {
        let key = tags_key(arn);
        if let Some(value) = self.row(&key)? {
            let mut all: Vec<(String, String)> = decode(&key, &value)?;
            all.retain(|(name, _)| !keys.contains(name));
            match all.is_empty() {
                true => self.delete_row(key),
                false => self.put_row(key, encode(&all)),
            }
        }
        Ok(())
    }

    /// Takes all tags from a resource that goes.
    pub fn delete_tags(&mut self, arn: &str) {
        self.delete_row(tags_key(arn));
    }
}

impl MetricsReader {
    /// The dashboard of a name.
    pub fn dashboard(&self, name: &str) -> Result<Option<Dashboard>, StoreError> {
        let key = key(name);
        let value = self.snapshot.get(&key)?;
        value.map(|value| decode(&key, &value)).transpose()
    }

    /// GetDashboard.
    pub fn get_dashboard(&self, name: &str, arn: String) -> Result<GetDashboardOutput, Error> {
        let found = self
            .dashboard(name)
            .map_err(|error| super::failed(&error))?;
        let Some(dashboard) = found else {
            return Err(no_dashboard(name));
        };
        Ok(GetDashboardOutput {
            dashboard_arn: Some(arn),
            dashboard_body: Some(dashboard.body),
            dashboard_name: Some(name.to_owned()),
        })
    }

    /// ListDashboards.
    ///
    /// - `arn_of`: a name.
    pub fn list_dashboards(
        &self,
        input: &ListDashboardsInput,
        arn_of: impl Fn(&str) -> String,
    ) -> Result<ListDashboardsOutput, Error> {
        let prefix = key(input.dashboard_name_prefix.as_deref().unwrap_or_default());
        let from = match &input.next_token {
            Some(name) => [key(name).as_slice(), &[0]].concat(),
            None => prefix.clone(),
        };
        let rows = self
            .snapshot
            .scan(
                &from,
                &rows::after(&prefix),
                Direction::Ascending,
                ENTRIES_MAX + 1,
            )
            .map_err(|error| super::failed(&error))?;
        let has_more = rows.len() > ENTRIES_MAX;
        let mut entries = Vec::new();
        for (key, value) in rows.into_iter().take(ENTRIES_MAX) {
            let name = String::from_utf8_lossy(&key[1..]).into_owned();
            let dashboard: Dashboard =
                decode(&key, &value).map_err(|error| super::failed(&error))?;
            entries.push(DashboardEntry {
                dashboard_arn: Some(arn_of(&name)),
                last_modified: Some(EpochSeconds::from_ms(dashboard.modified_ms)),
                size: i64::try_from(dashboard.body.len()).ok(),
                dashboard_name: Some(name),
            });
        }
        let last = entries
            .last()
            .and_then(|entry| entry.dashboard_name.clone());
        Ok(ListDashboardsOutput {
            dashboard_entries: Some(entries),
            next_token: last.filter(|_| has_more),
        })
    }

    /// The tags of a resource.
    pub fn tags(&self, arn: &str) -> Result<Vec<Tag>, StoreError> {
        let key = tags_key(arn);
        let Some(value) = self.snapshot.get(&key)? else {
            return Ok(Vec::new());
        };
        let tags: Vec<(String, String)> = decode(&key, &value)?;
        Ok(tags
            .into_iter()
            .map(|(key, value)| Tag { key, value })
            .collect())
    }
}

/// The error of a name that no dashboard has.
pub fn no_dashboard(name: &str) -> Error {
    Error::dashboard_not_found_error(format!("Dashboard {name} does not exist"))
}
