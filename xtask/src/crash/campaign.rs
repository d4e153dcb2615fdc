//! A server under load that is killed again and again, and what is true of it in the end.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::book::{Book, Phase, Target};
use super::load::{self, Completer, Files, Pace, Starter};
use super::server::{Launch, Life, panics};
use super::verify::{self, Rules};
use crate::random::Random;
use crate::soak::client::Client;

/// A directory of its own with a server, its clients and what they know.
pub struct Campaign {
    pub directory: PathBuf,
    pub launch: Launch,
    pub book: Arc<Book>,
    pub target: Arc<Target>,
    pub random: Random,
    pub rules: Rules,
    seed: u64,
    life: u64,
}

/// What came of one.
#[derive(Default)]
pub struct Report {
    pub kills: u64,
    pub kills_while_starting: u64,
    pub kills_while_stopping: u64,
    pub stops: u64,
    pub freezes: u64,
    pub faults: u64,
    pub acknowledged: u64,
    pub executions: u64,
    pub completions: u64,
    pub redrives: u64,
    pub effects: u64,
    pub checks: u64,
    pub restarts: Vec<Duration>,
    pub violations: Vec<String>,
}

/// How the next life of the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Kill,
    KillWhileStarting,
    KillWhileStopping,
    Stop,
}

impl Campaign {
    /// - `directory`: is made; `data` below it may be there already.
    pub fn new(directory: &Path, binary: &Path, seed: u64, rules: Rules) -> Result<Campaign> {
        fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
        let mut arguments = vec!["--stop-within".to_owned(), "5".to_owned()];
        if rules.retries_lost {
            arguments.extend(["--on-lost-task".to_owned(), "retry".to_owned()]);
        }
        Ok(Campaign {
            directory: directory.to_owned(),
            launch: Launch {
                binary: binary.to_owned(),
                data: directory.join("data"),
                log: directory.join("server.log"),
                arguments,
                environment: Vec::new(),
            },
            book: Arc::default(),
            target: Arc::new(Target::new()),
            random: Random::new(seed, 1),
            rules,
            seed,
            life: 0,
        })
    }

    pub fn lines(&self) -> PathBuf {
        self.directory.join("lines")
    }

    fn tokens(&self) -> PathBuf {
        self.directory.join("tokens")
    }

    /// Starts the server for the first time and deploys what it runs.
    pub fn deploy(&mut self) -> Result<Life> {
        let mut life = self.launch.start()?;
        let mut client = Client::connect(&life.address()?)?;
        let (lines, tokens) = (self.lines(), self.tokens());
        let files = Files {
            lines: &lines,
            tokens: &tokens,
        };
        load::deploy(&mut client, &files)?;
        Ok(life)
    }

    /// The server is up: clients may call it.
    pub fn open(&mut self, life: &mut Life) -> Result<String> {
        let address = life.address()?;
        self.life += 1;
        self.target.set(Some(address.clone()), self.life);
        Ok(address)
    }

    /// The server is about to go, or has gone.
    pub fn close(&self) {
        self.target.set(None, self.life);
    }

    /// Runs clients beside `body`, which kills and starts the server and leaves it running; then lets everything
    /// come to its end, looks at all of it, and stops the server.
    pub fn run(
        mut self,
        pace: Pace,
        body: impl FnOnce(&mut Campaign, &mut Report) -> Result<Life>,
    ) -> Result<Report> {
        let mut report = Report::default();
        let tokens = self.tokens();
        let (book, target, next) = (
            Arc::clone(&self.book),
            Arc::clone(&self.target),
            AtomicU64::new(1),
        );
        let seed = self.seed;
        std::thread::scope(|scope| -> Result<()> {
            let starters: Vec<_> = (0..STARTERS)
                .map(|number| {
                    let random = Random::new(seed, 100 + number);
                    let mut starter = Starter::new(&target, &book, &next, random, pace);
                    scope.spawn(move || starter.run())
                })
                .collect();
            for (number, mark) in [TOKENS, "v", "w"].into_iter().enumerate() {
                let random = Random::new(seed, 200 + number as u64);
                let mut completer = Completer::new(&target, &book, random, mark);
                let tokens = &tokens;
                scope.spawn(move || match mark {
                    TOKENS => completer.run_tokens(tokens),
                    _ => completer.run_worker(),
                });
            }
            scope.spawn(|| load::observe(&target, &book, &mut Random::new(seed, 300)));
            let done = body(&mut self, &mut report).and_then(|life| {
                target.enter(Phase::Finish);
                for starter in starters {
                    // A thread that panicked has said so.
                    drop(starter.join());
                }
                self.look_at_the_end(life, &mut report)
            });
            // Also after an error: else the clients would wait for a server for ever.
            target.enter(Phase::Over);
            done
        })?;
        let effects = verify::effects(&self.lines())?;
        report.effects = effects.values().flat_map(|of_one| of_one.values()).sum();
        report.acknowledged = book.count();
        report.completions = book.completions();
        report.redrives = book.redrives();
        report.checks = book.checks();
        for line in panics(&self.launch.log)? {
            book.violate(format!("the server said: {line}"));
        }
        report.violations = book.violations();
        if report.violations.is_empty() {
            self.remove();
        } else {
            println!("kept: {}", self.directory.display());
        }
        Ok(report)
    }

    fn look_at_the_end(&mut self, mut life: Life, report: &mut Report) -> Result<()> {
        let address = self.target.address().context("the server is up")?;
        let from = Instant::now();
        verify::settle(&address, &self.book, &self.lines(), self.rules)
            .context("wait for the end of all")?;
        let settled = from.elapsed();
        report.executions = verify::verify(&address, &self.book, &self.lines(), self.rules)
            .context("look at all executions")?;
        println!(
            "everything has ended after {} ms, and was looked at within {} ms",
            settled.as_millis(),
            (from.elapsed() - settled).as_millis()
        );
        self.target.enter(Phase::Over);
        life.signal("TERM")?;
        let ended = life.end_within(STOP_MAX)?;
        ensure!(
            ended.is_some_and(|status| status.success()),
            "asked to stop, the server ended with {ended:?}: {}",
            life.said()
        );
        Ok(())
    }

    fn remove(&self) {
        // What cannot be removed is found again by whoever cleans the target folder.
        let _ = fs::remove_dir_all(&self.directory);
    }

    /// Kills the server `kills` times, or until the time is over; leaves it running.
    pub fn kill(
        &mut self,
        kills: u64,
        until: Instant,
        log: &mut Option<File>,
        report: &mut Report,
    ) -> Result<Life> {
        let mut life = self.deploy()?;
        let mut unchecked = self.life + 1;
        self.open(&mut life)?;
        while report.kills < kills && Instant::now() < until {
            let end = self.draw_end();
            let mut waited_ms = 0;
            if end == End::KillWhileStarting {
                // The life before ends at once, and the next one before it listens.
                self.close();
                life.kill()?;
                life = self.launch.start()?;
                waited_ms = self.random.below(report.typical_restart_ms() + 50);
                std::thread::sleep(Duration::from_millis(waited_ms));
            } else {
                let mut client = Client::connect(&self.target.address().context("it is up")?)?;
                if self.random.chance(80) {
                    verify::recheck(&mut client, &self.book, unchecked)?;
                    unchecked = self.life;
                }
                if self.random.chance(FREEZES_PERCENT) {
                    let frozen_ms = self.random.between(500, 2_500);
                    life.signal("STOP")?;
                    std::thread::sleep(Duration::from_millis(frozen_ms));
                    life.signal("CONT")?;
                    report.freezes += 1;
                }
                waited_ms += self.random.between(20, ALIVE_MS_MAX);
                std::thread::sleep(Duration::from_millis(waited_ms));
            }
            match end {
                End::Kill | End::KillWhileStarting => {
                    self.close();
                    ensure!(
                        !life.has_ended()?,
                        "the server ended by itself: {}",
                        life.said()
                    );
                    life.kill()?;
                }
                End::KillWhileStopping => {
                    life.signal("TERM")?;
                    std::thread::sleep(Duration::from_millis(self.random.below(150)));
                    self.close();
                    life.kill()?;
                }
                End::Stop => {
                    life.signal("TERM")?;
                    let ended = life.end_within(STOP_MAX)?;
                    self.close();
                    ensure!(
                        ended.is_some_and(|status| status.success()),
                        "asked to stop, the server ended with {ended:?}: {}",
                        life.said()
                    );
                }
            }
            life = self.launch.start()?;
            self.open(&mut life)?;
            let restart = life.started_within();
            report.count(end, restart);
            if let Some(log) = log {
                writeln!(
                    log,
                    "{} life {} {end:?} after {waited_ms} ms, {} acknowledged, listening again after {} ms, {} violations",
                    report.kills + report.stops,
                    self.life,
                    self.book.count(),
                    restart.as_millis(),
                    self.book.violations().len()
                )?;
            }
        }
        let mut client = Client::connect(&self.target.address().context("it is up")?)?;
        verify::recheck(&mut client, &self.book, unchecked)?;
        Ok(life)
    }

    fn draw_end(&mut self) -> End {
        match self.random.below(100) {
            0..70 => End::Kill,
            70..85 => End::KillWhileStarting,
            85..95 => End::KillWhileStopping,
            _ => End::Stop,
        }
    }
}

impl Report {
    fn count(&mut self, end: End, restart: Duration) {
        match end {
            End::Kill => self.kills += 1,
            End::KillWhileStarting => {
                self.kills += 2;
                self.kills_while_starting += 1;
            }
            End::KillWhileStopping => {
                self.kills += 1;
                self.kills_while_stopping += 1;
            }
            End::Stop => self.stops += 1,
        }
        self.restarts.push(restart);
    }

    fn typical_restart_ms(&self) -> u64 {
        let mut restarts = self.restarts.clone();
        restarts.sort_unstable();
        let middle = restarts.get(restarts.len() / 2);
        middle.map_or(100, |restart| restart.as_millis() as u64)
    }

    /// Adds what came of another one.
    pub fn add(&mut self, other: Report) {
        self.kills += other.kills;
        self.kills_while_starting += other.kills_while_starting;
        self.kills_while_stopping += other.kills_while_stopping;
        self.stops += other.stops;
        self.freezes += other.freezes;
        self.faults += other.faults;
        self.acknowledged += other.acknowledged;
        self.executions += other.executions;
        self.completions += other.completions;
        self.redrives += other.redrives;
        self.effects += other.effects;
        self.checks += other.checks;
        self.restarts.extend(other.restarts);
        self.violations.extend(other.violations);
    }

    /// What another process adds to its own report.
    pub fn figures(&self) -> String {
        let figures = [
            self.acknowledged,
            self.executions,
            self.completions,
            self.redrives,
            self.effects,
            self.checks,
        ];
        figures.map(|figure| figure.to_string()).join(" ")
    }

    pub fn read_figures(&mut self, figures: &str) {
        let mut figures = figures
            .split(' ')
            .map(|figure| figure.parse().unwrap_or(0_u64));
        for figure in [
            &mut self.acknowledged,
            &mut self.executions,
            &mut self.completions,
            &mut self.redrives,
            &mut self.effects,
            &mut self.checks,
        ] {
            *figure += figures.next().unwrap_or(0);
        }
    }

    pub fn show(&mut self) {
        self.restarts.sort_unstable();
        let restart = |of: usize| {
            let at = self.restarts.len() * of / 100;
            let at = at.min(self.restarts.len().saturating_sub(1));
            self.restarts.get(at).map_or(0, Duration::as_millis)
        };
        for (name, figure) in [
            ("kills", self.kills),
            ("  of them while it started", self.kills_while_starting),
            ("  of them while it stopped", self.kills_while_stopping),
            ("graceful stops", self.stops),
            ("freezes (SIGSTOP, SIGCONT)", self.freezes),
            ("faults of disks", self.faults),
            ("executions acknowledged", self.acknowledged),
            ("executions looked at", self.executions),
            ("tasks completed by token", self.completions),
            ("redrives acknowledged", self.redrives),
            ("side effects", self.effects),
            ("checks", self.checks),
            ("violations", self.violations.len() as u64),
        ] {
            println!("{name:<30}{figure:>10}");
        }
        println!(
            "{:<30}{:>7} ms, 90 % {} ms, max {} ms",
            "restart, median",
            restart(50),
            restart(90),
            restart(100)
        );
    }
}

const STARTERS: u64 = 4;
const TOKENS: &str = "t";
const FREEZES_PERCENT: u64 = 7;
const ALIVE_MS_MAX: u64 = 1_800;
const STOP_MAX: Duration = Duration::from_secs(30);
