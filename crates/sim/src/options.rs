//! What a seed switches on: swarm testing finds what a world with everything in it hides.

use stepwell_service::LostTask;

use crate::definitions::Features;
use crate::draw::Draw;

/// Stream of a seed for its options; the world has another one.
const STREAM: u64 = 1;

/// What one world is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub features: Features,
    pub faults: Faults,
    pub callers: Callers,
    /// What the server does with a task whose outcome a crash has made unknown.
    pub is_lost_task_retried: bool,
    pub machines: usize,
    /// Starts that callers plan.
    pub starts: usize,
    /// Milliseconds over which callers do what they plan.
    pub span_ms: i64,
    /// Requests that one batch takes at most.
    pub batch_max: usize,
}

/// How often what goes wrong: times in a thousand commits, or in a hundred tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The process dies with what it has applied and not committed.
    pub dies_before_commit: u32,
    /// The process dies with a durable batch whose answers and effects nobody sees.
    pub dies_after_commit: u32,
    /// The commit fails and nothing of it is on the disk.
    pub commit_fails: u32,
    /// The commit fails and all of it is on the disk.
    pub commit_fails_written: u32,
    /// The server is stopped, and started again.
    pub stops: u32,
    pub clock_jumps_forward: u32,
    pub clock_jumps_back: u32,
    /// The answer of a task comes far too late.
    pub answers_late: u32,
    /// The answer of a task does not come while things go wrong.
    pub answers_never: u32,
    /// The answer of a task comes again, as another one.
    pub answers_twice: u32,
}

/// What callers do beside creating and starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callers {
    pub start_again: bool,
    pub synchronous: bool,
    pub stop: bool,
    pub redrive: bool,
    pub update: bool,
    pub publish: bool,
    pub read: bool,
    pub beat: bool,
}

impl Options {
    /// The options of a seed.
    pub fn draw(seed: u64) -> Options {
        let mut draw = Draw::of(seed, STREAM);
        let features = features(&mut draw);
        // A world in three is calm: what is wrong there is wrong without faults.
        let faults = if draw.once_in(4) {
            Faults::none()
        } else {
            faults(&mut draw)
        };
        let callers = Callers {
            start_again: draw.percent(60),
            synchronous: draw.percent(50),
            stop: draw.percent(40),
            redrive: draw.percent(50),
            update: draw.percent(50),
            publish: draw.percent(50),
            read: draw.percent(80),
            beat: draw.percent(50),
        };
        Options {
            features,
            faults,
            callers,
            is_lost_task_retried: draw.percent(40),
            machines: 1 + draw.below(3),
            starts: 1 + draw.below(10),
            span_ms: *draw.one_of(&[1_000, 20_000, 120_000]),
            batch_max: *draw.one_of(&[1, 2, 4, 16]),
        }
    }

    pub fn lost_task(&self) -> LostTask {
        if self.is_lost_task_retried {
            LostTask::Retry
        } else {
            LostTask::Fail
        }
    }
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Faults {
        Faults {
            dies_before_commit: 0,
            dies_after_commit: 0,
            commit_fails: 0,
            commit_fails_written: 0,
            stops: 0,
            clock_jumps_forward: 0,
            clock_jumps_back: 0,
            answers_late: 0,
            answers_never: 0,
            answers_twice: 0,
        }
    }
}

fn features(draw: &mut Draw) -> Features {
    let mut on = |percent| draw.percent(percent);
    Features {
        express: on(40),
        maps: on(50),
        parallels: on(50),
        waits: on(60),
        choices: on(60),
        retries: on(70),
        catches: on(50),
        jsonata: on(40),
        timeouts: on(40),
        activities: on(40),
        callbacks: on(40),
        nested: on(30),
        distributed_maps: on(25),
    }
}

fn faults(draw: &mut Draw) -> Faults {
    let mut rate = |percent: u32, rates: [u32; 3]| {
        if draw.percent(percent) {
            *draw.one_of(&rates)
        } else {
            0
        }
    };
    Faults {
        dies_before_commit: rate(50, [5, 20, 100]),
        dies_after_commit: rate(50, [5, 20, 100]),
        commit_fails: rate(40, [5, 20, 50]),
        commit_fails_written: rate(40, [5, 20, 50]),
        stops: rate(30, [5, 20, 50]),
        clock_jumps_forward: rate(30, [5, 20, 50]),
        clock_jumps_back: rate(30, [5, 20, 50]),
        answers_late: rate(40, [2, 10, 30]),
        answers_never: rate(30, [2, 10, 30]),
        answers_twice: rate(40, [5, 20, 50]),
    }
}
