//! Logs Insights: queries that run beside everything else, and what they gave.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stepwell_api::logs;
use stepwell_store::Error as StoreError;
use stepwell_telemetry::{Ended, LogRecord, LogsReader, Query, Run, Scanned};
use tokio::sync::Semaphore;

use crate::log_writer::NamedGroup;
use crate::logs::{LogOperations, failed, rendered};
use crate::shard::{self, now};

/// Queries that run at one time; others are `Scheduled`.
const RUNNING_MAX: usize = 2;

/// Queries that run or wait. Source: CloudWatch Logs quotas.
const OPEN_MAX: usize = 30;

/// Queries whose results are kept. AWS keeps them for seven days.
const KEPT_MAX: usize = 500;

/// Bytes of all results that are kept.
const RESULTS_BYTES_MAX: usize = 64 << 20;

/// Groups of one query. Source: StartQuery.
const GROUPS_MAX: usize = 50;

/// Time that a query runs at most. AWS: 60 minutes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Events that GetLogGroupFields looks at.
const SAMPLE_MAX: usize = 1_000;

/// AWS: GetLogGroupFields looks at eight minutes before and after the time, or at the last fifteen.
const FIELDS_AROUND_MS: i64 = 8 * 60_000;
const FIELDS_LAST_MS: i64 = 15 * 60_000;

/// The queries of this server. They end with it.
pub(crate) struct Queries {
    all: Mutex<VecDeque<Arc<Started>>>,
    room: Semaphore,
}

/// A query that was started.
struct Started {
    id: String,
    text: String,
    group_name: Option<String>,
    created_ms: i64,
    is_stopped: AtomicBool,
    state: Mutex<State>,
}

struct State {
    status: &'static str,
    rows: Vec<Vec<(String, String)>>,
    bytes: usize,
    matched: u64,
    scanned: Scanned,
    groups: usize,
    ended_ms: Option<i64>,
}

impl Default for Queries {
    fn default() -> Queries {
        Queries {
            all: Mutex::default(),
            room: Semaphore::new(RUNNING_MAX),
        }
    }
}

impl Queries {
    /// Keeps a query that starts; fails if too many are open.
    fn enter(&self, started: Arc<Started>) -> Result<(), logs::Error> {
        let mut all = lock(&self.all);
        let open = all.iter().filter(|one| !one.has_ended()).count();
        if open >= OPEN_MAX {
            let text = format!("LimitExceeded: at most {OPEN_MAX} concurrent queries");
            return Err(logs::Error::limit_exceeded_exception(text));
        }
        all.push_back(started);
        let mut bytes: usize = all.iter().map(|one| lock(&one.state).bytes).sum();
        while all.len() > KEPT_MAX || bytes > RESULTS_BYTES_MAX {
            let Some(at) = all.iter().position(|one| one.has_ended()) else {
                break;
            };
            if let Some(gone) = all.remove(at) {
                bytes -= lock(&gone.state).bytes;
            }
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Result<Arc<Started>, logs::Error> {
        let all = lock(&self.all);
        all.iter().find(|one| one.id == id).cloned().ok_or_else(|| {
            let text = format!("Query with id {id} does not exist");
            logs::Error::resource_not_found_exception(text)
        })
    }
}

impl Started {
    fn has_ended(&self) -> bool {
        !matches!(lock(&self.state).status, "Running" | "Scheduled")
    }

    fn end(&self, status: &'static str, rows: Vec<Vec<(String, String)>>, matched: u64) {
        let bytes = rows
            .iter()
            .flatten()
            .map(|(name, value)| 64 + name.len() + value.len())
            .sum();
        let mut state = lock(&self.state);
        state.status = status;
        state.rows = rows;
        state.bytes = bytes;
        state.matched = matched;
        state.ended_ms = Some(now().as_millis());
    }

    /// Runs the query over its groups. Blocks.
    fn run(&self, reader: &LogsReader, work: &Work) {
        let until = Instant::now() + PATIENCE;
        let needle = work.query.needle();
        let mut run = Run::new(&work.query, work.limit, now().as_millis());
        let mut why = None;
        for (group, log) in &work.groups {
            let mut scanned = lock(&self.state).scanned;
            let mut seen = 0_u32;
            let visited = reader.visit(
                group.view(),
                work.range,
                needle.as_deref(),
                &mut scanned,
                &mut |event| {
                    seen = seen.wrapping_add(1);
                    if seen.is_multiple_of(1_024) {
                        if self.is_stopped.load(Ordering::Relaxed) {
                            why = Some("Cancelled");
                        } else if Instant::now() > until {
                            why = Some("Timeout");
                        }
                        if why.is_some() {
                            return false;
                        }
                    }
                    run.take(LogRecord {
                        timestamp_ms: event.timestamp_ms,
                        ingestion_ms: event.ingestion_ms,
                        stream: event.stream.into(),
                        log: log.as_str().into(),
                        pointer: pointer(&group.id, &event.id()).into(),
                        message: event.message.into(),
                    })
                },
            );
            lock(&self.state).scanned = scanned;
            if let Err(error) = visited {
                tracing::error!(%error, "a query of logs cannot read them");
                self.end("Failed", Vec::new(), 0);
                return;
            }
        }
        if self.is_stopped.load(Ordering::Relaxed) {
            why = Some("Cancelled");
        }
        match (why, run.finish()) {
            (None, Ended::Complete(rows, matched)) => self.end("Complete", rows, matched),
            (None, Ended::TooLarge(reason)) => {
                tracing::warn!(query = self.text, "{reason}");
                self.end("Failed", Vec::new(), 0);
            }
            // AWS: what a stopped query has found so far is given.
            (Some(status), Ended::Complete(rows, matched)) => self.end(status, rows, matched),
            (Some(status), Ended::TooLarge(_)) => self.end(status, Vec::new(), 0),
        }
    }
}

struct Work {
    query: Query,
    groups: Vec<(NamedGroup, String)>,
    range: (i64, i64),
    limit: Option<usize>,
}

impl LogOperations {
    pub(crate) async fn start_query(&self, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::StartQueryRequest = logs::decode(body)?;
        check_language(input.query_language.as_deref())?;
        let query = Query::parse(&input.query_string).map_err(malformed)?;
        let refused = logs::Error::invalid_parameter_exception;
        let mut named: Vec<&String> = input.log_group_name.iter().collect();
        named.extend(input.log_group_names.iter().flatten());
        named.extend(input.log_group_identifiers.iter().flatten());
        let told = [
            input.log_group_name.is_some(),
            input.log_group_names.is_some(),
            input.log_group_identifiers.is_some(),
        ];
        if told.iter().filter(|is_told| **is_told).count() != 1 {
            let text = "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.";
            return Err(refused(text));
        }
        if named.is_empty() || named.len() > GROUPS_MAX {
            let text = format!(
                "A query has 1 to {GROUPS_MAX} log groups, not {}",
                named.len()
            );
            return Err(refused(&text));
        }
        if input.end_time < input.start_time {
            let text = format!(
                "End time should not be less than start time: {} is less than {}",
                input.end_time, input.start_time
            );
            return Err(refused(&text));
        }
        // What waits is written first: it may be what makes a group, and a query sees what was logged before it.
        let reader = self.queue.reader().await?;
        let account = self.handle.settings().account.clone();
        let mut groups = Vec::new();
        for one in &named {
            let group = self.group(None, Some(one))?;
            let name = group.arn.split(':').skip(6).collect::<Vec<_>>().join(":");
            groups.push((group, format!("{account}:{name}")));
        }
        let started = Arc::new(Started {
            id: shard::uuid(),
            text: input.query_string.clone(),
            group_name: match named.as_slice() {
                [one] => Some((*one).clone()),
                _ => None,
            },
            created_ms: now().as_millis(),
            is_stopped: AtomicBool::new(false),
            state: Mutex::new(State {
                status: "Scheduled",
                rows: Vec::new(),
                bytes: 0,
                matched: 0,
                scanned: Scanned::default(),
                groups: groups.len(),
                ended_ms: None,
            }),
        });
        let queries = Arc::clone(&self.queries);
        queries.enter(Arc::clone(&started))?;
        let answer = logs::StartQueryResponse {
            query_id: Some(started.id.clone()),
        };
        let seconds = |seconds: i64| seconds.saturating_mul(1_000);
        let work = Work {
            query,
            groups,
            // AWS: the range is inclusive, in seconds.
            range: (
                seconds(input.start_time),
                seconds(input.end_time).saturating_add(1_000),
            ),
            limit: input.limit.and_then(|limit| usize::try_from(limit).ok()),
        };
        tokio::spawn(async move {
            let Ok(_room) = queries.room.acquire().await else {
                return;
            };
            lock(&started.state).status = "Running";
            let ran = tokio::task::spawn_blocking(move || started.run(&reader, &work)).await;
            if let Err(error) = ran {
                tracing::error!(%error, "a query of logs has panicked");
            }
        });
        rendered(answer)
    }

    pub(crate) fn get_query_results(&self, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::GetQueryResultsRequest = logs::decode(body)?;
        let started = self.queries.find(&input.query_id)?;
        let state = lock(&started.state);
        let field = |(name, value): &(String, String)| logs::ResultField {
            field: Some(name.clone()),
            value: Some(value.clone()),
        };
        let results: Vec<Vec<logs::ResultField>> = state
            .rows
            .iter()
            .map(|row| row.iter().map(field).collect())
            .collect();
        rendered(logs::GetQueryResultsResponse {
            query_language: Some("CWLI".to_string()),
            statistics: Some(logs::QueryStatistics {
                records_matched: Some(state.matched as f64),
                records_scanned: Some(state.scanned.events as f64),
                bytes_scanned: Some(state.scanned.bytes as f64),
                estimated_records_skipped: Some(0.0),
                estimated_bytes_skipped: Some(0.0),
                log_groups_scanned: Some(state.groups as f64),
                result_count: Some(results.len() as f64),
            }),
            results: Some(results),
            status: Some(state.status.to_string()),
            ..Default::default()
        })
    }

    pub(crate) fn stop_query(&self, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::StopQueryRequest = logs::decode(body)?;
        let started = self.queries.find(&input.query_id)?;
        if started.has_ended() {
            let text = format!("Query with id {} is not running", input.query_id);
            return Err(logs::Error::invalid_parameter_exception(text));
        }
        started.is_stopped.store(true, Ordering::Relaxed);
        rendered(logs::StopQueryResponse {
            success: Some(true),
        })
    }

    pub(crate) fn describe_queries(&self, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::DescribeQueriesRequest = logs::decode(body)?;
        let all = lock(&self.queries.all);
        let mut shown: Vec<logs::QueryInfo> = Vec::new();
        for started in all.iter().rev() {
            let state = lock(&started.state);
            let is_wanted = input
                .log_group_name
                .as_ref()
                .is_none_or(|name| started.group_name.as_ref() == Some(name))
                && input
                    .status
                    .as_ref()
                    .is_none_or(|status| status == state.status);
            if is_wanted {
                let until = state.ended_ms.unwrap_or_else(|| now().as_millis());
                shown.push(logs::QueryInfo {
                    query_language: Some("CWLI".to_string()),
                    query_id: Some(started.id.clone()),
                    query_string: Some(started.text.clone()),
                    status: Some(state.status.to_string()),
                    create_time: Some(started.created_ms),
                    log_group_name: started.group_name.clone(),
                    query_duration: Some(until - started.created_ms),
                    bytes_scanned: Some(state.scanned.bytes as f64),
                    ..Default::default()
                });
            }
        }
        let start = input
            .next_token
            .as_deref()
            .map_or(Ok(0), str::parse::<usize>)
            .map_err(|_| invalid_token())?;
        let limit = input
            .max_results
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(KEPT_MAX);
        let next = start.saturating_add(limit);
        let next_token = (next < shown.len()).then(|| next.to_string());
        rendered(logs::DescribeQueriesResponse {
            queries: Some(shown.into_iter().skip(start).take(limit).collect()),
            next_token,
        })
    }

    /// `GetLogRecord`: the event that `@ptr` names, with the fields that are discovered in it.
    pub(crate) async fn get_log_record(&self, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::GetLogRecordRequest = logs::decode(body)?;
        let invalid = || {
            logs::Error::invalid_parameter_exception("The specified logRecordPointer is invalid.")
        };
        let (id, event) = named_by(&input.log_record_pointer).ok_or_else(invalid)?;
        let reader = self.queue.reader().await?;
        let groups = self.handle.reader().log_groups();
        let groups = groups.map_err(|error| failed(&error))?;
        let missing = || {
            logs::Error::resource_not_found_exception("The specified log record does not exist.")
        };
        let group = groups
            .into_iter()
            .find(|group| group.id == id)
            .ok_or_else(missing)?;
        let log = format!("{}:{}", self.handle.settings().account, group.name);
        let group = self.view(group);
        let found = tokio::task::block_in_place(|| reader.event(group.view(), &event));
        let (stream, timestamp_ms, ingestion_ms, message) =
            found.map_err(|error| failed(&error))?.ok_or_else(missing)?;
        let record = LogRecord {
            timestamp_ms,
            ingestion_ms,
            stream: stream.into(),
            log: log.into(),
            pointer: input.log_record_pointer.as_str().into(),
            message: message.into(),
        };
        rendered(logs::GetLogRecordResponse {
            log_record: Some(record.fields()),
        })
    }

    /// `GetLogGroupFields`: in how many of a sample of events each field is.
    pub(crate) async fn get_log_group_fields(&self, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        let input: logs::GetLogGroupFieldsRequest = logs::decode(body)?;
        let reader = self.queue.reader().await?;
        let group = self.group(
            input.log_group_name.as_deref(),
            input.log_group_identifier.as_deref(),
        )?;
        let range = match input.time {
            Some(seconds) => {
                let at_ms = seconds.saturating_mul(1_000);
                (
                    at_ms.saturating_sub(FIELDS_AROUND_MS),
                    at_ms.saturating_add(FIELDS_AROUND_MS),
                )
            }
            None => (now().as_millis() - FIELDS_LAST_MS, i64::MAX),
        };
        let counted = tokio::task::block_in_place(|| count_fields(&reader, &group, range));
        let (events, counts) = counted.map_err(|error| failed(&error))?;
        let mut fields: Vec<logs::LogGroupField> = counts
            .into_iter()
            .map(|(name, count)| logs::LogGroupField {
                name: Some(name),
                percent: i32::try_from(count * 100 / events.max(1)).ok(),
            })
            .collect();
        fields.sort_by(|one, other| (other.percent, &one.name).cmp(&(one.percent, &other.name)));
        rendered(logs::GetLogGroupFieldsResponse {
            log_group_fields: Some(fields),
        })
    }
}

type Counts = std::collections::BTreeMap<String, usize>;

fn count_fields(
    reader: &LogsReader,
    group: &NamedGroup,
    range: (i64, i64),
) -> Result<(usize, Counts), StoreError> {
    let (mut events, mut counts) = (0, Counts::new());
    reader.visit(
        group.view(),
        range,
        None,
        &mut Scanned::default(),
        &mut |event| {
            events += 1;
            let record = LogRecord {
                timestamp_ms: event.timestamp_ms,
                ingestion_ms: event.ingestion_ms,
                stream: event.stream.into(),
                log: "".into(),
                pointer: "".into(),
                message: event.message.into(),
            };
            for name in record.fields().into_keys() {
                if name != "@ptr" {
                    *counts.entry(name).or_default() += 1;
                }
            }
            events < SAMPLE_MAX
        },
    )?;
    Ok((events, counts))
}

/// AWS: the answer tells the place beside the words.
pub(crate) fn malformed(error: stepwell_telemetry::QueryError) -> logs::Error {
    let place = serde_json::json!({
        "location": { "startCharOffset": error.start, "endCharOffset": error.end },
        "message": error.message,
    });
    let mut refused = logs::Error::malformed_query_exception(error.message);
    refused
        .members
        .push(("queryCompileError", place.to_string()));
    refused
}

pub(crate) fn check_language(language: Option<&str>) -> Result<(), logs::Error> {
    match language {
        None | Some("CWLI") => Ok(()),
        Some(other) => Err(logs::Error::not_implemented(format!(
            "Stepwell does not implement queries in {other} yet"
        ))),
    }
}

/// What GetLogRecord takes: the group's id and the event's.
fn pointer(group: &str, event: &str) -> String {
    STANDARD.encode(format!("{group}/{event}"))
}

fn named_by(pointer: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(pointer).ok()?).ok()?;
    let (group, event) = text.split_once('/')?;
    Some((group.to_owned(), event.to_owned()))
}

fn invalid_token() -> logs::Error {
    logs::Error::invalid_parameter_exception("The specified nextToken is invalid.")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
