//! The console's own questions about many executions. They are no API for others: their shapes change with the page.
//!
//! Each is answered from a snapshot, on a thread that may block, within [`SCAN_FOR`]; what was not looked at by then is
//! asked for with the next question.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::{Method, Request};
use serde::de::DeserializeOwned;
use stepwell_api::{Reply, states};
use stepwell_service::survey::{ChildrenAsk, Failures, IsOver, MapRunAsk, Search};
use stepwell_service::{Read, Reader, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::project::{self, Project};
use crate::body::Share;
use crate::caller;
use crate::connections::Place;
use crate::http::{self, Services};
use crate::mask::Mask;
use crate::shard::Handle;

/// How long one question looks at rows.
const SCAN_FOR: Duration = Duration::from_millis(100);

/// Questions that are answered at one time: they read as fast as they can.
const RUNNING_MAX: usize = 2;

/// Questions that wait for that.
const WAITING_MAX: usize = 32;

/// Bytes of a question.
const BYTES_MAX: usize = 64 << 10;

/// What is asked, by the path below the console's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Search,
    Failures,
    MapRun,
    MapRunChildren,
    Project,
}

impl Question {
    pub(crate) fn of(method: &Method, path: &str) -> Option<Question> {
        let path = path.strip_prefix(super::ROOT)?;
        if path == "project" && (*method == Method::GET || *method == Method::POST) {
            return Some(Question::Project);
        }
        if *method != Method::POST {
            return None;
        }
        Some(match path {
            "search" => Question::Search,
            "failures" => Question::Failures,
            "map-run" => Question::MapRun,
            "map-run/children" => Question::MapRunChildren,
            _ => return None,
        })
    }
}

/// Answers a question, whoever may ask.
pub(crate) async fn answer(
    services: &Services,
    question: Question,
    request: Request<Incoming>,
    request_id: &str,
) -> Reply {
    if let Some(message) = caller::page_refusal(request.headers(), &services.names) {
        return http::error(403, "AccessDeniedException", &message, request_id);
    }
    let incoming = match services.access.admit(request, request_id) {
        Ok(request) => request.into_body(),
        Err(reply) => return reply,
    };
    if let Err(reply) = http::admit(services, Place::Own, request_id).await {
        return reply;
    }
    let body = match services.room.read(incoming, BYTES_MAX).await {
        Ok(read) => read,
        Err(unreadable) => return http::unreadable_reply(unreadable, BYTES_MAX, request_id),
    };
    let handle = &services.functions.handle;
    let mask = Arc::clone(&services.mask);
    services
        .surveys
        .answer(handle, question, body, mask, request_id)
        .await
}

/// Who asks at the moment.
pub(crate) struct Surveys {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
    project: Arc<Option<Project>>,
}

impl Surveys {
    /// - `project`: the application that the server was started for.
    pub(crate) fn new(project: Option<Project>) -> Surveys {
        Surveys {
            project: Arc::new(project),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Answers one question, in its turn.
    async fn answer(
        &self,
        handle: &Handle,
        question: Question,
        (body, share): (Vec<u8>, Share),
        mask: Arc<Mask>,
        request_id: &str,
    ) -> Reply {
        let before = self.waiting.fetch_add(1, Ordering::SeqCst);
        let waits = Waits(&self.waiting);
        if before >= WAITING_MAX {
            let text = format!("{WAITING_MAX} questions wait already; ask again later");
            return http::error(503, "ServiceUnavailable", &text, request_id);
        }
        let Ok(turn) = Arc::clone(&self.running).acquire_owned().await else {
            unreachable!("nobody closes it");
        };
        drop(waits);
        // After the wait: the newest rows.
        let reader = handle.reader();
        let project = Arc::clone(&self.project);
        let looked = tokio::task::spawn_blocking(move || {
            // The thread's, not the caller's: it reads on when who asked has gone.
            let _held: (OwnedSemaphorePermit, Share) = (turn, share);
            let began = Instant::now();
            look(
                &reader,
                question,
                &body,
                project.as_ref().as_ref(),
                &mask,
                &|| began.elapsed() >= SCAN_FOR,
            )
        });
        match looked.await {
            Ok(Ok(body)) => http::json(200, &body, request_id),
            Ok(Err(error)) => error.reply(request_id),
            Err(_) => http::error(
                500,
                "InternalFailure",
                "the question ended the thread",
                request_id,
            ),
        }
    }
}

/// Counts as one that waits until it is dropped: who goes away does not wait any more.
struct Waits<'w>(&'w AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn look(
    reader: &Reader,
    question: Question,
    body: &[u8],
    project: Option<&Project>,
    mask: &Mask,
    is_over: IsOver,
) -> Result<serde_json::Value, states::Error> {
    // Nobody finds out by searching, or by what is in one group, what is not shown.
    let shown = |text: String| mask.text(&text).into_owned();
    match question {
        Question::Project => project::shown(project, reader)
            .map_err(|error| states::Error::internal_failure(error.to_string())),
        Question::Search => settle(reader.search(&read::<Search>(body)?, &shown, is_over)),
        Question::Failures => settle(reader.failures(&read::<Failures>(body)?, &shown, is_over)),
        Question::MapRun => settle(reader.map_run_statuses(&read::<MapRunAsk>(body)?, is_over)),
        Question::MapRunChildren => {
            settle(reader.map_run_children(&read::<ChildrenAsk>(body)?, &shown, is_over))
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, states::Error> {
    serde_json::from_slice(body)
        .map_err(|error| states::Error::validation_exception(error.to_string()))
}

fn settle<T: serde::Serialize>(read: Read<T>) -> Result<serde_json::Value, states::Error> {
    match read {
        Ok(Ok(answer)) => Ok(serde_json::to_value(answer).expect("an answer has text keys only")),
        Ok(Err(Refusal::States(error))) => Err(error),
        Ok(Err(_)) => unreachable!("a survey refuses as Step Functions does"),
        Err(error) => Err(states::Error::internal_failure(error.to_string())),
    }
}
