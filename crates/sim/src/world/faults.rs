//! Crashes, failing commits, stops, and a clock that jumps.

use stepwell_service::Request;
use stepwell_store::Fault;

use super::{Go, World, failed, wrong};

/// How a commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Good,
    /// The process dies before it.
    DiesBefore,
    /// The process dies after it, before anybody hears of it.
    DiesAfter,
    /// It fails, with or without being on the disk.
    Fails(Fault),
}

/// Batches of one recovery.
const RECOVERY_BATCHES_MAX: u32 = 1_000;

/// Milliseconds that a server is down.
const DOWN_MS: [i64; 4] = [0, 100, 5_000, 600_000];

/// Milliseconds that the clock jumps.
const JUMP_MS: [i64; 3] = [50, 3_000, 3_600_000];

/// Rounds in which a server that stops waits for what is running.
const DRAIN_ROUNDS: usize = 20;

/// Milliseconds in which everything comes that was held back.
const HURRY_MS: i64 = 1_000;

impl World<'_> {
    /// Starts the server on what is durable, and recovers. It may die on the way and is started again.
    pub(crate) fn begin_process(&mut self) -> Go {
        loop {
            let store = Box::new(self.disk.crash());
            self.subject = Some((self.open)(store, self.settings.clone()).map_err(failed)?);
            self.is_draining = false;
            if self.recover()? {
                return self.check_rows();
            }
        }
    }

    /// Whether it came to its end.
    fn recover(&mut self) -> Result<bool, super::Wrong> {
        let mut position = None;
        for _ in 0..RECOVERY_BATCHES_MAX {
            let now = self.now();
            position = self.shard().recover(now, position).map_err(failed)?;
            if !self.try_commit()? {
                return Ok(false);
            }
            if position.is_none() {
                return Ok(true);
            }
        }
        Err(wrong("liveness", "the recovery does not end"))
    }

    /// Commits, or dies and starts again.
    pub(crate) fn commit(&mut self) -> Go {
        if self.try_commit()? {
            Ok(())
        } else {
            self.begin_process()
        }
    }

    /// Whether the process has survived it.
    fn try_commit(&mut self) -> Result<bool, super::Wrong> {
        let fate = self.draw_fate();
        match fate {
            Fate::Good => {}
            Fate::DiesBefore => {
                self.die("before its commit");
                return Ok(false);
            }
            Fate::DiesAfter => {}
            Fate::Fails(fault) => {
                self.disk.fail(fault, 0);
                self.awaits_fault = true;
            }
        }
        let committed = self.shard().commit();
        match (committed, fate) {
            (Ok(_), Fate::DiesAfter) => {
                self.report.commits += 1;
                self.tasks.committed();
                self.die("after its commit");
                Ok(false)
            }
            (Ok(committed), _) => {
                self.report.commits += 1;
                self.tasks.committed();
                if !committed.answers.is_empty()
                    || !committed.effects.is_empty()
                    || !committed.events.is_empty()
                {
                    self.say(|| "commit".to_string());
                }
                self.release(committed)?;
                Ok(true)
            }
            // Nothing was to be written when the fault was laid: it has waited for this commit.
            (Err(_), _) if self.awaits_fault => {
                self.die("of a failing commit");
                Ok(false)
            }
            (Err(error), _) => Err(failed(error)),
        }
    }

    fn draw_fate(&mut self) -> Fate {
        let faults = &self.options.faults;
        let rates = [
            (faults.dies_before_commit, Fate::DiesBefore),
            (faults.dies_after_commit, Fate::DiesAfter),
            (faults.commit_fails, Fate::Fails(Fault::BeforeWrite)),
            (faults.commit_fails_written, Fate::Fails(Fault::AfterWrite)),
        ];
        if self.is_quiet {
            return Fate::Good;
        }
        for (rate, fate) in rates {
            if rate > 0 && self.draw.permille(rate) {
                return fate;
            }
        }
        Fate::Good
    }

    /// The process is gone: what was not durable, what it was doing, and the answers that callers wait for.
    fn die(&mut self, how: &str) {
        self.say(|| format!("CRASH {how}"));
        self.report.crashes += 1;
        self.end_process();
    }

    fn end_process(&mut self) {
        self.subject = None;
        self.awaits_fault = false;
        self.agenda.forget_process();
        self.tasks.crashed(self.options.is_lost_task_retried);
        for (_, asked) in std::mem::take(&mut self.asked) {
            self.unanswered(asked);
        }
        self.time_ms += if self.is_quiet {
            0
        } else {
            *self.draw.one_of(&DOWN_MS)
        };
        for execution in &mut self.book.executions {
            execution.disturbance.jumps += 1;
        }
    }

    /// What goes wrong between two rounds.
    pub(crate) fn disturb(&mut self) -> Go {
        if self.is_quiet {
            return Ok(());
        }
        let faults = self.options.faults.clone();
        if faults.clock_jumps_forward > 0 && self.draw.permille(faults.clock_jumps_forward) {
            self.jump(1);
        }
        if faults.clock_jumps_back > 0 && self.draw.permille(faults.clock_jumps_back) {
            self.jump(-1);
        }
        if faults.stops > 0 && self.draw.permille(faults.stops) {
            return self.stop();
        }
        Ok(())
    }

    fn jump(&mut self, direction: i64) {
        let jump_ms = *self.draw.one_of(&JUMP_MS);
        self.skew_ms += direction * self.draw.between(1, jump_ms);
        self.say(|| format!("the clock jumps and is {} ms ahead", self.skew_ms));
        for execution in &mut self.book.executions {
            execution.disturbance.jumps += 1;
        }
    }

    /// The server stops as it is asked to: no more requests, calls that have not begun are handed back, those
    /// that run may end for a while, and what comes back is committed.
    fn stop(&mut self) -> Go {
        self.say(|| "STOP".to_string());
        self.is_draining = true;
        let crashes = self.report.crashes;
        self.shard().end_polls();
        for _ in 0..DRAIN_ROUNDS {
            self.stop_round()?;
            if self.report.crashes > crashes {
                return Ok(());
            }
            if !self.agenda.process_is_busy() {
                break;
            }
        }
        self.say(|| "the server has stopped".to_string());
        self.end_process();
        self.begin_process()
    }

    fn stop_round(&mut self) -> Go {
        self.step += 1;
        // Some of what runs comes to its end in time.
        if self.draw.percent(70)
            && let Some(happening) = self.agenda.take_in_process()
        {
            self.happens(happening)?;
        }
        let now = self.now();
        self.shard().tick(now);
        self.commit()
    }

    /// From now on nothing goes wrong, and what was held back comes.
    pub(crate) fn become_quiet(&mut self) -> Go {
        self.say(|| "QUIET".to_string());
        self.is_quiet = true;
        self.agenda.hurry(self.time_ms, HURRY_MS);
        Ok(())
    }

    /// Workers who hung up must not swallow a task; here a worker that waits may leave at any moment.
    pub(crate) fn forget_workers_that_left(&mut self) {
        if self.is_quiet || !self.draw.once_in(20) {
            return;
        }
        let polls = self.shard().polls();
        let Some(left) = polls.first().copied() else {
            return;
        };
        self.say(|| format!("the worker behind #{} hangs up", left.0));
        self.shard().forget_poll(left);
        if let Some(asked) = self.asked.remove(&left) {
            self.unanswered(asked);
        }
    }

    pub(crate) fn tell_in_process(&mut self, request: Request) -> Go {
        self.note_returned(&request);
        self.tell(request)
    }
}
