//! Captures what an environment writes: raw output line by line, `console.*` messages as frames.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

use super::report::message;
use super::variables::log_group;
use crate::configuration::{Configuration, LogFormat, LogLevel, Logging};
use crate::invocation::{LOG_BYTES_MAX, LOG_EVENT_BYTES_MAX, LOG_TAIL_BYTES_MAX, LogLine, LogSink};
use crate::timestamp;

/// The log of one environment. Dropping it stops the reader.
pub(crate) struct Capture {
    shared: Arc<Shared>,
    reader: JoinHandle<()>,
}

/// The write ends to give to the process.
pub(crate) struct WriteEnds {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) frames: OwnedFd,
}

struct Shared {
    pipes: [Receiver; 3],
    state: Mutex<State>,
}

struct State {
    streams: [Stream; 3],
    writer: Writer,
    buffer: Box<[u8]>,
}

/// Turns texts into [`LogLine`]s of the current invocation.
struct Writer {
    sink: LogSink,
    function_name: String,
    log_group: Arc<str>,
    logging: Logging,
    log_stream: Arc<str>,
    request_id: Option<Arc<str>>,
    tail: Option<Vec<u8>>,
    /// Invocations that run beside each other, with the ends of their logs where they are asked for.
    open: BTreeMap<Arc<str>, Option<Vec<u8>>>,
    /// Bytes that the function may still log in this invocation.
    left: usize,
    /// Bytes it logged beyond that.
    dropped: usize,
}

impl Capture {
    /// Opens the pipes and starts reading them.
    pub(crate) fn open(
        sink: LogSink,
        configuration: &Configuration,
        log_stream: Arc<str>,
    ) -> io::Result<(Capture, WriteEnds)> {
        let (stdout_read, stdout) = io::pipe()?;
        let (stderr_read, stderr) = io::pipe()?;
        let (frames_read, frames) = io::pipe()?;
        let pipes = [
            Receiver::from_owned_fd(stdout_read.into())?,
            Receiver::from_owned_fd(stderr_read.into())?,
            Receiver::from_owned_fd(frames_read.into())?,
        ];
        let streams = [
            Stream::Lines(Lines::default()),
            Stream::Lines(Lines::default()),
            Stream::Frames(Vec::new()),
        ];
        let writer = Writer {
            sink,
            function_name: configuration.function_name.clone(),
            log_group: log_group(configuration).into(),
            logging: configuration.logging,
            log_stream,
            request_id: None,
            tail: None,
            open: BTreeMap::new(),
            left: LOG_BYTES_MAX,
            dropped: 0,
        };
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        let shared = Arc::new(Shared {
            pipes,
            state: Mutex::new(State {
                streams,
                writer,
                buffer,
            }),
        });
        let reader = tokio::spawn(read_all(Arc::clone(&shared)));
        let ends = WriteEnds {
            stdout: stdout.into(),
            stderr: stderr.into(),
            frames: frames.into(),
        };
        Ok((Capture { shared, reader }, ends))
    }

    /// Attributes what comes next to `request_id`; what was written before stays with the invocation before.
    pub(crate) fn begin(&self, request_id: &Arc<str>, wants_tail: bool) {
        let mut state = self.shared.drain();
        state.writer.request_id = Some(Arc::clone(request_id));
        state.writer.tail = wants_tail.then(Vec::new);
    }

    /// As [`Capture::begin`], beside other invocations: what names this one is attributed to it.
    pub(crate) fn open_one(&self, request_id: &Arc<str>, wants_tail: bool) {
        let mut state = self.shared.drain();
        let tail = wants_tail.then(Vec::new);
        state.writer.open.insert(Arc::clone(request_id), tail);
    }

    /// Attributes what comes next to one of the open invocations, until [`Capture::finish`].
    pub(crate) fn close_one(&self, request_id: &Arc<str>) {
        let mut state = self.shared.drain();
        state.writer.tail = state.writer.open.remove(request_id).flatten();
        state.writer.request_id = Some(Arc::clone(request_id));
    }

    /// As [`Capture::line`], of one of the open invocations.
    pub(crate) fn line_of(&self, request_id: &Arc<str>, text: String) {
        let mut state = self.shared.drain();
        let now_ms = timestamp::now_ms();
        state
            .writer
            .write_as(request_id, |writer| writer.write(now_ms, text));
    }

    /// Tells something in the function's log, after everything the process has written so far.
    pub(crate) fn note(&self, text: String) {
        let mut state = self.shared.drain();
        let text = message(state.writer.logging, LogLevel::Info, None, text);
        state.writer.write(timestamp::now_ms(), text);
    }

    /// Writes one event, after everything the process has written so far.
    pub(crate) fn line(&self, text: String) {
        self.shared.drain().writer.write(timestamp::now_ms(), text);
    }

    /// Ends the invocation: reads what is left, writes `lines` (END, REPORT), returns the tail if it was asked for.
    pub(crate) fn finish(&self, lines: Vec<String>) -> Option<String> {
        let mut state = self.shared.drain();
        state.flush_unfinished();
        state.writer.tell_dropped();
        let now_ms = timestamp::now_ms();
        lines
            .into_iter()
            .for_each(|line| state.writer.write(now_ms, line));
        state.writer.request_id = None;
        let tail = state.writer.tail.take()?;
        let from = tail.len().saturating_sub(LOG_TAIL_BYTES_MAX);
        Some(String::from_utf8_lossy(&tail[from..]).into_owned())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.reader.abort();
        self.shared.drain().flush_unfinished();
    }
}

impl Shared {
    /// Reads everything that is in the pipes now, up to a bound: a process that never stops writing must not hold
    /// its own invocation.
    ///
    /// A pipe that the runtime has not seen filled is not read, which costs nothing. That is enough for the order of
    /// the log: what a handler wrote before it answered was in its pipe before the answer was in the socket, so the
    /// poll that told of the answer told of the pipe first.
    fn drain(&self) -> MutexGuard<'_, State> {
        let mut guard = self.lock();
        for at in 0..self.pipes.len() {
            for _ in 0..DRAIN_READS_MAX {
                if !guard.read(at, &self.pipes[at]) {
                    break;
                }
            }
        }
        guard
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for any pipe to fill; ends when the process has closed all of them.
async fn read_all(shared: Arc<Shared>) {
    let [stdout, stderr, frames] = &shared.pipes;
    tokio::join!(
        read_one(&shared, 0, stdout),
        read_one(&shared, 1, stderr),
        read_one(&shared, 2, frames)
    );
}

async fn read_one(shared: &Shared, at: usize, pipe: &Receiver) {
    while pipe.readable().await.is_ok() {
        let mut is_ended = false;
        // One read a turn: other tasks of this thread get theirs between two reads of a process that floods its log.
        {
            let mut guard = shared.lock();
            let state = &mut *guard;
            match pipe.try_read(&mut state.buffer) {
                Ok(0) => is_ended = true,
                Ok(length) => state.streams[at].feed(&state.buffer[..length], &mut state.writer),
                Err(error) => is_ended = error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        if is_ended {
            return;
        }
        tokio::task::yield_now().await;
    }
}

impl State {
    /// One read; false when the pipe is empty or closed.
    fn read(&mut self, at: usize, pipe: &Receiver) -> bool {
        match pipe.try_read(&mut self.buffer) {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.streams[at].feed(&self.buffer[..length], &mut self.writer);
                true
            }
        }
    }

    fn flush_unfinished(&mut self) {
        for stream in &mut self.streams {
            if let Stream::Lines(lines) = stream {
                lines.flush(&mut self.writer);
            }
        }
    }
}

impl Writer {
    fn write(&mut self, timestamp_ms: i64, text: String) {
        if let Some(tail) = &mut self.tail {
            tail.extend_from_slice(text.as_bytes());
            tail.push(b'\n');
            if tail.len() > 8 * LOG_TAIL_BYTES_MAX {
                tail.drain(..tail.len() - LOG_TAIL_BYTES_MAX);
            }
        }
        (self.sink)(LogLine {
            function_name: self.function_name.clone(),
            log_group: Arc::clone(&self.log_group),
            log_stream: Arc::clone(&self.log_stream),
            request_id: self.request_id.clone(),
            timestamp_ms,
            text,
        });
    }

    /// Does what writes, attributed to one of the open invocations.
    fn write_as(&mut self, request_id: &Arc<str>, write: impl FnOnce(&mut Writer)) {
        self.tail = self.open.get_mut(request_id).and_then(Option::take);
        self.request_id = Some(Arc::clone(request_id));
        write(self);
        self.request_id = None;
        let tail = self.tail.take();
        if let Some(kept) = self.open.get_mut(request_id) {
            *kept = tail;
        }
    }

    /// Writes a message of `console.*`, which names its invocation.
    fn write_frame(&mut self, frame: &Frame<'_>) {
        let named = named_in(self.logging.format, frame.text);
        let open = named.and_then(|id| self.open.get_key_value(id));
        match open.map(|(id, _)| Arc::clone(id)) {
            Some(id) => self.write_as(&id, |writer| {
                writer.write_bytes(frame.timestamp_ms, frame.text);
            }),
            None => self.write_bytes(frame.timestamp_ms, frame.text),
        }
    }

    /// Writes a line that the function has printed, unless its level leaves it out.
    ///
    /// AWS: with the format JSON, an object that has a `level` is filtered by it, and everything else counts as INFO.
    fn write_line(&mut self, timestamp_ms: i64, bytes: &[u8]) {
        let least = self.logging.application_level;
        if self.logging.format == LogFormat::Text || level_of(bytes) >= least {
            self.write_bytes(timestamp_ms, bytes);
        }
    }

    /// Writes what the function has logged, as much as it may.
    fn write_bytes(&mut self, timestamp_ms: i64, bytes: &[u8]) {
        match self.left.checked_sub(bytes.len()) {
            Some(left) => {
                self.left = left;
                self.write(timestamp_ms, String::from_utf8_lossy(bytes).into_owned());
            }
            None => {
                self.left = 0;
                self.dropped += bytes.len();
            }
        }
    }

    /// Says what was left out, and allows as much again.
    fn tell_dropped(&mut self) {
        let dropped = std::mem::take(&mut self.dropped);
        self.left = LOG_BYTES_MAX;
        if dropped > 0 {
            self.write(timestamp::now_ms(), format!("[{dropped} bytes of this log dropped: an invocation logs at most {LOG_BYTES_MAX}]"));
        }
    }
}

/// The request id that our bootstrap has put into a message.
fn named_in(format: LogFormat, text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    match format {
        LogFormat::Text => text.split('\t').nth(1),
        LogFormat::Json => {
            let (_, rest) = text.split_once("\"requestId\":\"")?;
            rest.split('"').next()
        }
    }
}

fn level_of(line: &[u8]) -> LogLevel {
    #[derive(serde::Deserialize)]
    struct Leveled {
        level: String,
    }
    let leveled = line
        .starts_with(b"{")
        .then(|| serde_json::from_slice::<Leveled>(line).ok())
        .flatten();
    leveled
        .and_then(|leveled| LogLevel::parse(&leveled.level.to_ascii_uppercase()))
        .unwrap_or_default()
}

enum Stream {
    Lines(Lines),
    /// Header and text of frames that have not fully arrived.
    Frames(Vec<u8>),
}

impl Stream {
    fn feed(&mut self, bytes: &[u8], writer: &mut Writer) {
        match self {
            Stream::Lines(lines) => lines.feed(bytes, writer),
            Stream::Frames(pending) => feed_frames(pending, bytes, writer),
        }
    }
}

/// Splits raw output at line ends; cuts a line at [`LOG_EVENT_BYTES_MAX`] and drops the rest of it.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    dropped: usize,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8], writer: &mut Writer) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_complete) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let kept = text.len().min(LOG_EVENT_BYTES_MAX - self.line.len());
            self.line.extend_from_slice(&text[..kept]);
            self.dropped += text.len() - kept;
            if is_complete {
                self.end_line(writer);
            }
        }
    }

    fn flush(&mut self, writer: &mut Writer) {
        if !self.line.is_empty() {
            self.end_line(writer);
        }
    }

    fn end_line(&mut self, writer: &mut Writer) {
        let now_ms = timestamp::now_ms();
        writer.write_line(now_ms, self.line.strip_suffix(b"\r").unwrap_or(&self.line));
        self.line.clear();
        if self.dropped > 0 {
            writer.write(now_ms, format!("[{} bytes of the line above dropped: a line has at most {LOG_EVENT_BYTES_MAX}]", self.dropped));
            self.dropped = 0;
        }
        if self.line.capacity() > READ_BYTES {
            self.line = Vec::new();
        }
    }
}

/// Frames of the bootstrap: 4 bytes mark, 4 bytes length, 8 bytes microseconds since 1970, all big-endian, then text.
///
/// AWS: the layout of Lambda's own telemetry descriptor. The bootstrap cuts a text at [`LOG_EVENT_BYTES_MAX`].
fn feed_frames(pending: &mut Vec<u8>, bytes: &[u8], writer: &mut Writer) {
    pending.extend_from_slice(bytes);
    let mut from = 0;
    while let Some(frame) = Frame::parse(&pending[from..]) {
        if writer.open.is_empty() {
            writer.write_bytes(frame.timestamp_ms, frame.text);
        } else {
            writer.write_frame(&frame);
        }
        from += frame.length;
    }
    pending.drain(..from);
    if pending.len() >= FRAME_HEADER_BYTES && !is_frame(pending) {
        // The function wrote into a descriptor that is not its own. Say so once a read, and start afresh.
        writer.write(
            timestamp::now_ms(),
            format!(
                "[{} bytes dropped from the console descriptor]",
                pending.len()
            ),
        );
        pending.clear();
    }
}

struct Frame<'a> {
    timestamp_ms: i64,
    text: &'a [u8],
    length: usize,
}

impl Frame<'_> {
    fn parse(bytes: &[u8]) -> Option<Frame<'_>> {
        let header = bytes
            .get(..FRAME_HEADER_BYTES)
            .filter(|_| is_frame(bytes))?;
        let length = FRAME_HEADER_BYTES + text_length(header);
        let micros = u64::from_be_bytes(header[8..16].try_into().expect("eight bytes"));
        let text = bytes.get(FRAME_HEADER_BYTES..length)?;
        // AWS's client for Python ends its texts with the end of a line.
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        Some(Frame {
            timestamp_ms: i64::try_from(micros / 1000).unwrap_or(0),
            text,
            length,
        })
    }
}

fn is_frame(header: &[u8]) -> bool {
    header[..3] == FRAME_MARK && text_length(header) <= LOG_EVENT_BYTES_MAX
}

fn text_length(header: &[u8]) -> usize {
    u32::from_be_bytes(header[4..8].try_into().expect("four bytes")) as usize
}

/// The fourth byte is the text's format and level, which whoever writes the frame has heeded.
const FRAME_MARK: [u8; 3] = [0xa5, 0x5a, 0x00];
const FRAME_HEADER_BYTES: usize = 16;
/// One read; a Linux pipe holds 64 KiB.
const READ_BYTES: usize = 65_536;
/// Reads a drain may make of one pipe: 1 MiB.
const DRAIN_READS_MAX: usize = 16;
