//! One execution environment: a process, its Runtime API connection and its log, from init to end.

pub(crate) mod cgroup;
mod entrypoint;
mod failure;
mod family;
mod guard;
pub(crate) mod host;
pub(crate) mod logs;
pub(crate) mod process;
mod processor;
pub(crate) mod python;
pub(crate) mod remains;
mod report;
mod response;
mod runner;
pub(crate) mod scratch;
pub(crate) mod shared;
pub(crate) mod spawner;
pub(crate) mod tag;
mod trace;
mod variables;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use cgroup::{Cgroup, PROCESSES_MAX};
pub(crate) use entrypoint::NotStarted;
pub(crate) use failure::Failure;
use family::tasks_on_machine;
pub(crate) use host::Host;
pub(crate) use report::{Report, Status};
pub(crate) use shared::SharedEnvironment;

use crate::configuration::{Configuration, LogLevel};
use crate::inspector::Debugger;
use crate::invocation::{Figures, FunctionError, Invocation, InvokeReply, StreamSink};
use crate::package::Code;
use crate::runtime_api::{Answer, Body, Call, Headers, Wire};
use crate::timestamp;
use logs::Capture;
use process::{Exit, Process};
use processor::ProcessorUse;
use remains::Remains;
use response::{JSON, hand_on};
use scratch::Usage;
use tag::processes_of;

/// A started environment. Dropping it kills its processes.
pub(crate) struct Environment {
    configuration: Arc<Configuration>,
    process: Process,
    wire: Wire,
    capture: Capture,
    /// Keeps the directory of the code in place.
    _code: Code,
    /// After `process`: what it leaves is cleared up when it is dead.
    remains: Remains,
    /// Processes and threads of the machine when it started.
    tasks_before: u64,
    /// Whether the function is a child of the first process, or has children itself.
    has_family: bool,
    usage: Usage,
    peak_bytes: u64,
    processor: ProcessorUse,
    /// Processor time of each of its last invocations, if that was just looked at.
    processor_time: Option<Duration>,
    /// When memory was looked at last.
    looked_at: Option<Instant>,
    request_id: Arc<str>,
    /// The trace header of the running invocation, if it has a segment.
    traced: Option<String>,
    user_agent: Option<String>,
    debugger: Option<Arc<Debugger>>,
    /// How long the first init may take.
    init_max: Duration,
    /// Whether init is over.
    is_ready: bool,
    /// How long its time has stood still, because somebody looked with a debugger.
    stood: Duration,
}

/// How an invocation went.
pub(crate) struct Ran {
    pub(crate) reply: InvokeReply,
    /// Whether the environment waits for the next invocation.
    pub(crate) is_healthy: bool,
}

/// How init went.
pub(crate) enum Init {
    Ready,
    Failed(Uninitialised),
    /// The time was over; the process is killed.
    TimedOut,
}

/// Why init failed; [`Environment::init_failure`] makes it the failure of an invocation.
pub(crate) enum Uninitialised {
    Said(Body),
    Ended(Exit),
    OutOfMemory,
    /// It has too many processes.
    Crowded,
}

/// The invocation did not reach its handler: the process was dying before it read the event.
pub(crate) struct NotDelivered;

/// What came first.
enum Watched {
    Call(Call),
    Ended(Exit),
    /// Ended with bytes of ours unread.
    EndedUnread,
    OutOfMemory,
    /// Too many processes were started.
    Crowded,
    TimedOut,
}

impl Environment {
    /// Group of the environment's processes, to kill it from outside.
    pub(crate) fn group(&self) -> i32 {
        self.process.group()
    }

    /// Processor time of each of its last invocations, if the last one was an occasion to look.
    pub(crate) fn processor_time(&mut self) -> Option<Duration> {
        self.processor_time.take()
    }

    /// What the runtime called itself on its first call.
    pub(crate) fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// Writes START and attributes the log to the invocation from here on.
    pub(crate) fn begin(&mut self, invocation: &Invocation) {
        self.request_id = Arc::from(invocation.request_id.as_str());
        self.traced = invocation
            .trace_id
            .clone()
            .filter(|_| invocation.has_segment);
        self.capture.begin(&self.request_id, invocation.log_tail);
        if let Some(line) = report::start(&self.configuration, &self.request_id) {
            self.capture.line(line);
        }
    }

    /// Writes one line of the platform to the environment's log.
    pub(crate) fn note(&self, text: String) {
        self.capture.note(text);
    }

    /// As [`Environment::init`], within the time that the init phase has. Tells in the log if it was over.
    pub(crate) async fn first_init(&mut self) -> Init {
        let init = self.init(Instant::now() + self.init_max).await;
        if matches!(init, Init::TimedOut) {
            // AWS: the line that tells of an init beyond its 10 seconds.
            let text = format!(
                "INIT_REPORT Init Duration: {:.2} ms\tPhase: init\tStatus: timeout",
                self.init_max.as_secs_f64() * 1000.0
            );
            self.capture.note(text);
        }
        init
    }

    /// Waits until the runtime asks for its first invocation.
    pub(crate) async fn init(&mut self, deadline: Instant) -> Init {
        self.stood = Duration::ZERO;
        match self.watch(deadline).await {
            Watched::Call(Call::Next { user_agent }) => {
                self.user_agent = user_agent;
                self.is_ready = true;
                Init::Ready
            }
            Watched::Call(Call::InitError { body }) => {
                // The runtime gets its answer, if it still wants one, and ends.
                let _ = self.wire.answer(Answer::Accepted).await;
                self.process.end().await;
                Init::Failed(Uninitialised::Said(body))
            }
            Watched::Call(_) => {
                self.process.kill();
                Init::Failed(Uninitialised::Ended(Exit::Signal(libc::SIGKILL)))
            }
            Watched::Ended(exit) => Init::Failed(Uninitialised::Ended(exit)),
            Watched::EndedUnread => Init::Failed(Uninitialised::Ended(Exit::Signal(libc::SIGKILL))),
            Watched::OutOfMemory => Init::Failed(Uninitialised::OutOfMemory),
            Watched::Crowded => Init::Failed(Uninitialised::Crowded),
            Watched::TimedOut => Init::TimedOut,
        }
    }

    /// The failure that the invocation which waited for a failed init gets.
    pub(crate) fn init_failure(&self, why: Uninitialised) -> Failure {
        match why {
            Uninitialised::Said(body) => Failure::of_runtime(body),
            Uninitialised::Ended(exit) => Failure::exit(&self.request_id, exit),
            Uninitialised::OutOfMemory => Failure::out_of_memory(&self.request_id),
            Uninitialised::Crowded => self.crowded(),
        }
    }

    /// Runs one invocation after [`Environment::begin`].
    ///
    /// - `deadline`: when the function's timeout is over.
    /// - `init`: how long init took, on the first invocation.
    /// - [`NotDelivered`] means that the handler has not run: it is safe to run it elsewhere.
    pub(crate) async fn invoke(
        &mut self,
        invocation: &Invocation,
        deadline: Instant,
        init: Option<Duration>,
    ) -> Result<Ran, NotDelivered> {
        let started = Instant::now();
        self.stood = Duration::ZERO;
        let headers = self.headers(invocation, deadline);
        // A process that a debugger has stopped does not read.
        let sent_by = match self.debugger {
            Some(_) => started + STOPPED_MAX,
            None => deadline,
        };
        let sent = timeout_at(sent_by, self.wire.invoke(&headers, &invocation.payload)).await;
        let result = match sent {
            Ok(Ok(())) => self.result(deadline, invocation.stream.as_ref()).await?,
            Ok(Err(_)) => return Err(NotDelivered),
            Err(_) => Err(self.timed_out()),
        };
        // AWS: an invocation ends when the runtime asks for the next one.
        let is_healthy = result.is_ok()
            && matches!(
                self.settle(deadline).await,
                Watched::Call(Call::Next { .. })
            )
            && self.is_within_storage(started);
        let elapsed = started.elapsed();
        self.processor_time = self.processor.note_invocation();
        Ok(match result {
            Ok(Ok(payload)) => self.success(payload, elapsed, init, is_healthy),
            Ok(Err(failure)) | Err(failure) => {
                let reply = self.fail(failure, elapsed, init);
                Ran {
                    reply,
                    is_healthy: is_healthy && self.was_within_memory(),
                }
            }
        })
    }

    /// Ends a failed invocation: writes its last log lines and builds the reply.
    pub(crate) fn fail(
        &mut self,
        failure: Failure,
        elapsed: Duration,
        init: Option<Duration>,
    ) -> InvokeReply {
        let logging = self.configuration.logging;
        let mut lines = failure.log_lines();
        for line in &mut lines {
            let text = std::mem::take(line);
            *line = report::message(logging, LogLevel::Error, Some(&self.request_id), text);
        }
        let (of_report, figures) = self.report(elapsed, init, failure.status);
        lines.extend(of_report);
        let log_tail = self.capture.finish(lines);
        let error = Some(FunctionError::Unhandled);
        self.reply(failure.payload, error, log_tail, figures)
    }

    /// A failure for an event that the process did not live to read.
    pub(crate) async fn undelivered(&mut self) -> Failure {
        Failure::exit(&self.request_id, self.process.end().await)
    }

    /// A failure for the end of the function's timeout; kills the process.
    pub(crate) fn timed_out(&mut self) -> Failure {
        self.process.kill();
        Failure::timeout(&self.request_id, self.configuration.timeout)
    }

    fn success(
        &mut self,
        payload: Bytes,
        elapsed: Duration,
        init: Option<Duration>,
        is_healthy: bool,
    ) -> Ran {
        let (lines, figures) = self.report(elapsed, init, Status::Success);
        let log_tail = self.capture.finish(lines);
        let is_healthy = is_healthy && self.was_within_memory();
        Ran {
            reply: self.reply(payload, None, log_tail, figures),
            is_healthy,
        }
    }

    fn reply(
        &self,
        payload: Bytes,
        function_error: Option<FunctionError>,
        log_tail: Option<String>,
        figures: Figures,
    ) -> InvokeReply {
        let executed_version = self.configuration.version.clone();
        InvokeReply {
            payload,
            function_error,
            log_tail,
            executed_version,
            figures,
        }
    }

    async fn result(
        &mut self,
        deadline: Instant,
        sink: Option<&StreamSink>,
    ) -> Result<Answered, NotDelivered> {
        loop {
            let call = match self.watch(deadline).await {
                Watched::Call(call) => call,
                Watched::Ended(exit) => return Ok(Err(Failure::exit(&self.request_id, exit))),
                Watched::EndedUnread => return Err(NotDelivered),
                Watched::OutOfMemory => return Ok(Err(Failure::out_of_memory(&self.request_id))),
                Watched::Crowded => return Ok(Err(self.crowded())),
                Watched::TimedOut => return Ok(Err(self.timed_out())),
            };
            let (result, answer) = match call {
                Call::Response { request_id, body } if *request_id == *self.request_id => {
                    match body {
                        Body::Complete(payload) => {
                            hand_on(sink, JSON, &payload).await;
                            (Some(Ok(payload)), Answer::Accepted)
                        }
                        Body::TooLarge(length) => {
                            (Some(Err(Failure::too_large(length))), Answer::TooLarge)
                        }
                    }
                }
                Call::Error { request_id, body } if *request_id == *self.request_id => {
                    let answer = if matches!(body, Body::TooLarge(_)) {
                        Answer::TooLarge
                    } else {
                        Answer::Accepted
                    };
                    (Some(Err(Failure::of_runtime(body))), answer)
                }
                Call::Streaming {
                    request_id,
                    content_type,
                } if *request_id == *self.request_id => {
                    return Ok(self.stream(deadline, sink, content_type).await);
                }
                // Somebody else's body: answered at its end.
                Call::Streaming { .. } | Call::Chunk(_) => continue,
                Call::Response { .. } | Call::Error { .. } | Call::StreamEnd { .. } => {
                    (None, Answer::InvalidRequestId)
                }
                Call::InitError { .. } => (None, Answer::InvalidState),
                Call::Next { .. } => {
                    // The runtime skipped its answer: nothing will ever come.
                    self.process.kill();
                    return Ok(Err(Failure::exit(&self.request_id, Exit::Status(0))));
                }
            };
            // A runtime that is gone is seen by the next look at the wire.
            let _ = self.wire.answer(answer).await;
            if let Some(result) = result {
                return Ok(Ok(result));
            }
        }
    }

    /// Waits for the next call for `next`, refusing everything else.
    async fn settle(&mut self, deadline: Instant) -> Watched {
        loop {
            let watched = self.watch(deadline).await;
            match watched {
                Watched::Call(Call::Next { .. }) => return watched,
                // A body that nobody asked for: answered at its end.
                Watched::Call(Call::Streaming { .. } | Call::Chunk(_)) => continue,
                Watched::Call(_) => {}
                _ => return watched,
            }
            let _ = self.wire.answer(Answer::InvalidState).await;
        }
    }

    /// The runtime's next call, or why there is none.
    ///
    /// One timer serves the deadline, the memory watch and the check for a process that died while a child of it
    /// holds the connection open.
    async fn watch(&mut self, deadline: Instant) -> Watched {
        let mut is_last_look = false;
        loop {
            let looked = Instant::now();
            let look_at = (looked + LOOK_EVERY).min(deadline + self.stood);
            match timeout_at(look_at, self.wire.call()).await {
                Ok(Ok(call)) => return Watched::Call(call),
                Ok(Err(error)) => {
                    let exit = self.process.end().await;
                    // Linux resets a socket pair whose other end is closed with bytes unread.
                    let is_unread = error.kind() == io::ErrorKind::ConnectionReset;
                    return if is_unread {
                        Watched::EndedUnread
                    } else {
                        self.ended(exit)
                    };
                }
                Err(_) => {}
            }
            if self.stands_still() {
                self.stood += looked.elapsed();
            }
            if !self.is_within_memory() {
                self.process.kill();
                return Watched::OutOfMemory;
            }
            if self.is_crowded() {
                // All of them at once, and now: they may be more with every moment.
                self.remains.cgroup().map(Cgroup::kill_now);
                self.process.kill();
                return Watched::Crowded;
            }
            if is_last_look || self.process.exited().is_some() {
                // Whatever it wrote before it died is in the socket by now: one more look.
                if is_last_look {
                    let exit = self.process.end().await;
                    return self.ended(exit);
                }
                is_last_look = true;
            }
            if Instant::now() >= deadline + self.stood {
                self.process.kill();
                return Watched::TimedOut;
            }
        }
    }

    /// Whether its time does not go on: a debugger is attached, or is waited for.
    fn stands_still(&self) -> bool {
        self.debugger
            .as_ref()
            .is_some_and(|debugger| debugger.is_attached() || (debugger.waits() && !self.is_ready))
    }

    /// An end, or the end of memory: the kernel kills without saying why.
    fn ended(&self, exit: Exit) -> Watched {
        let cgroup = self.remains.cgroup();
        if cgroup.is_some_and(Cgroup::was_out_of_memory) {
            Watched::OutOfMemory
        } else {
            Watched::Ended(exit)
        }
    }

    /// Whether it runs more processes than Lambda allows, where no control group holds it to that.
    fn is_crowded(&self) -> bool {
        if let Some(count) = self.remains.cgroup().and_then(Cgroup::processes) {
            return count > PROCESSES_MAX as usize;
        }
        // Counting costs a look at every process of the machine, so it is done only if there are that many more.
        let are_many = tasks_on_machine() > self.tasks_before + u64::from(PROCESSES_MAX);
        are_many && processes_of(&[self.remains.tag()]).len() > PROCESSES_MAX as usize
    }

    fn crowded(&self) -> Failure {
        let text = format!("[ended: more than {PROCESSES_MAX} processes]");
        self.capture.note(text);
        Failure::exit(&self.request_id, Exit::Signal(libc::SIGKILL))
    }

    /// Whether an invocation was so short, and the last look at memory and storage is so fresh, that a look at its end
    /// would cost more than the invocation.
    fn needs_no_look(&self, elapsed: Duration) -> bool {
        let is_fresh = |at: Instant| at.elapsed() < LOOK_EVERY;
        elapsed < BRIEF && self.looked_at.is_some_and(is_fresh)
    }

    fn is_within_memory(&mut self) -> bool {
        self.looked_at = Some(Instant::now());
        let limit = u64::from(self.configuration.memory_mb) << 20;
        let used = self.process.use_of_all(limit);
        self.has_family |= used.has_family;
        self.peak_bytes = self.peak_bytes.max(used.bytes);
        self.was_within_memory()
    }

    /// Whether its temporary directory holds no more than it may; says so in the log if not.
    fn is_within_storage(&mut self, started: Instant) -> bool {
        if self.needs_no_look(started.elapsed()) {
            return true;
        }
        let storage_mb = self.configuration.ephemeral_storage_mb;
        let bytes = self.usage.bytes(self.remains.scratch());
        let is_within = bytes <= u64::from(storage_mb) << 20;
        if !is_within {
            self.capture.note(format!(
                "[the temporary directory has {bytes} bytes, the function's ephemeral storage {storage_mb} MB: this environment ends]"
            ));
        }
        is_within
    }

    fn was_within_memory(&self) -> bool {
        self.peak_bytes <= u64::from(self.configuration.memory_mb) << 20
    }

    /// What is logged at the end of an invocation, and what its caller is told.
    fn report(
        &mut self,
        elapsed: Duration,
        init: Option<Duration>,
        status: Status,
    ) -> (Vec<String>, Figures) {
        if self.needs_no_look(elapsed) {
            // The last look holds.
        } else if self.has_family {
            self.is_within_memory();
        } else {
            // A look at children costs as much as the rest of a report; the watch sees those that stay.
            self.looked_at = Some(Instant::now());
            self.peak_bytes = self.peak_bytes.max(self.process.resident_bytes());
        }
        let memory_mb = self.configuration.memory_mb;
        let peak_mb = u32::try_from(self.peak_bytes.div_ceil(1 << 20))
            .unwrap_or(u32::MAX)
            .min(memory_mb);
        let report = Report {
            request_id: &self.request_id,
            traced: self.traced.as_deref(),
            elapsed,
            memory_mb,
            peak_mb,
            init,
            status,
        };
        (report.lines(self.configuration.logging), report.figures())
    }

    fn headers(&self, invocation: &Invocation, deadline: Instant) -> Headers {
        let left = deadline.saturating_duration_since(Instant::now());
        let deadline_ms =
            timestamp::now_ms() + i64::try_from(left.as_millis()).unwrap_or(i64::MAX / 2);
        let mut headers = vec![
            (
                "Lambda-Runtime-Aws-Request-Id",
                header_value(&invocation.request_id),
            ),
            ("Lambda-Runtime-Deadline-Ms", deadline_ms.to_string()),
            (
                "Lambda-Runtime-Invoked-Function-Arn",
                header_value(&invocation.function_arn),
            ),
        ];
        let trace = trace::header(
            invocation.trace_id.as_deref(),
            &invocation.request_id,
            timestamp::now_ms() / 1000,
        );
        headers.push(("Lambda-Runtime-Trace-Id", header_value(&trace)));
        if self.stands_still() {
            // Ours: the time that the handler's context shows stands still too.
            let whole_ms = self.configuration.timeout.as_millis();
            headers.push(("Stepwell-Time-Stands-Still-Ms", whole_ms.to_string()));
        }
        if let Some(client_context) = &invocation.client_context {
            headers.push((
                "Lambda-Runtime-Client-Context",
                header_value(client_context),
            ));
        }
        headers
    }
}

/// The handler's result, or the function's failure; the outer error means that the process has ended.
type Answered = Result<Result<Bytes, Failure>, Failure>;

/// A header's value may not hold a line end.
fn header_value(text: &str) -> String {
    // As nearly all are: nothing to leave out, and copied as a whole.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars()
        .filter(|character| !character.is_control())
        .collect()
}

/// How long a debugger may keep a process from reading its event.
const STOPPED_MAX: Duration = Duration::from_secs(86_400);
/// How often a running invocation's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// An invocation shorter than this is not looked at by itself: no process gets far in that time.
const BRIEF: Duration = Duration::from_millis(5);
/// AWS: the init phase is limited to 10 seconds (Lambda execution environment life cycle).
pub(crate) const INIT_MAX: Duration = Duration::from_secs(10);
