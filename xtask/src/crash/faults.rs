//! Disks that get full, fail, become read-only or rot, under a server that works.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::campaign::{Campaign, Report};
use super::load::Pace;
use super::server::Life;
use super::verify::{self, Rules};
use crate::soak::client::Client;

/// What is done to a server, by name.
///
/// - A name that begins with `real-` needs a file system of its own, so it is run in a user and mount namespace (`unshare -rm`).
pub const NAMES: [&str; 12] = [
    "write-enospc",
    "write-eio",
    "write-erofs",
    "fsync-eio-once",
    "table-enospc",
    "log-store-enospc",
    "functions-enospc",
    "real-full-disk",
    "real-full-log-store",
    "real-read-only",
    "torn-and-rotten-journal",
    "rotten-table",
];

/// Where and with what.
pub struct Place<'p> {
    pub directory: PathBuf,
    pub binary: &'p Path,
    pub seed: u64,
}

/// Runs one of [`NAMES`]; says what happened.
pub fn run(name: &str, place: &Place) -> Result<Report> {
    if name.starts_with("real-") && !is_inside() {
        return in_namespaces(name, place);
    }
    let rules = Rules {
        retries_lost: false,
        functions_may_fail: name == "functions-enospc",
    };
    let mut campaign = Campaign::new(&place.directory, place.binary, place.seed, rules)?;
    let injection = match name {
        "write-enospc" => Some((STORE, WRITE, ENOSPC, i32::MAX)),
        "write-eio" => Some((STORE, WRITE, EIO, i32::MAX)),
        "write-erofs" => Some((STORE, WRITE, EROFS, i32::MAX)),
        "fsync-eio-once" => Some((STORE, SYNC, EIO, 1)),
        "table-enospc" => Some((TABLES, WRITE, ENOSPC, i32::MAX)),
        "log-store-enospc" => Some((LOG_STORE, WRITE, ENOSPC, i32::MAX)),
        "functions-enospc" => Some((FUNCTIONS, WRITE, ENOSPC, i32::MAX)),
        _ => None,
    };
    let pad_bytes = match name {
        "table-enospc" | "rotten-table" => 100_000,
        _ => 0,
    };
    let pace = Pace {
        pause_ms: 25,
        pad_bytes,
    };
    if let Some((below, call, number, times)) = injection {
        let library = Library::build(&place.directory)?;
        campaign.launch.environment = library.environment(below);
        let survives = below == LOG_STORE || below == FUNCTIONS;
        return campaign.run(pace, |campaign, report| {
            report.faults = 1;
            let mut take = |is_taken: bool| match is_taken {
                true => library.fail(call, number, times),
                false => library.fail(call, 0, 0),
            };
            let life = match survives {
                true => goes_on(campaign, name, &mut take),
                false => stops(campaign, name, errno_text(number), &mut take),
            }?;
            if library.failed()? == 0 {
                campaign
                    .book
                    .violate(format!("{name}: no call of the server has failed"));
            }
            Ok(life)
        });
    }
    let data = campaign.launch.data.clone();
    campaign.run(pace, |campaign, report| {
        report.faults = 1;
        match name {
            "real-full-disk" => {
                mount(&data, FULL_DISK_MB)?;
                let mut take = |is_taken: bool| fill(&data, is_taken);
                stops(campaign, name, errno_text(ENOSPC), &mut take)
            }
            "real-full-log-store" => {
                mount(&data.join("telemetry"), FULL_DISK_MB)?;
                let mut take = |is_taken: bool| fill(&data.join("telemetry"), is_taken);
                goes_on(campaign, name, &mut take)
            }
            "real-read-only" => {
                mount(&data, FULL_DISK_MB)?;
                read_only(campaign, name)
            }
            "torn-and-rotten-journal" => rotten_journal(campaign, name),
            "rotten-table" => rotten_table(campaign, name),
            other => bail!(
                "there is no fault {other:?}; there are {}",
                NAMES.join(", ")
            ),
        }
    })
}

/// The disk is taken: the server must end by itself, say why, and have everything when the disk is back.
fn stops(
    campaign: &mut Campaign,
    name: &str,
    error: &str,
    take: &mut dyn FnMut(bool) -> Result<()>,
) -> Result<Life> {
    let mut life = campaign.deploy()?;
    let address = campaign.open(&mut life)?;
    std::thread::sleep(LOAD);
    campaign.book.starve(true);
    take(true)?;
    let from = Instant::now();
    let mut was_unwell = false;
    while !life.has_ended()? && from.elapsed() < END_MAX {
        let health =
            Client::connect(&address).and_then(|mut client| client.call("GET", "/health", &[], ""));
        was_unwell |= health.is_ok_and(|reply| reply.status == 503);
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = life.end_within(Duration::ZERO)?;
    campaign.close();
    let after = from.elapsed();
    let said = life.said();
    let directory = campaign.launch.data.display().to_string();
    match ended {
        None => campaign.book.violate(format!(
            "{name}: the server still runs after {END_MAX:?}: {said}"
        )),
        Some(status) if status.success() => campaign
            .book
            .violate(format!("{name}: the server ended with exit code 0: {said}")),
        Some(_) => {}
    }
    // A flush in the background fails first, and the commit after it says so.
    let names_error = said.contains(error) || said.contains("flush or compaction failed");
    if !said.contains(&directory) || !names_error {
        campaign.book.violate(format!(
            "{name}: the server does not say {error:?} and {directory}: {said}"
        ));
    }
    println!(
        "  {name}: ended after {} ms with {}; health said so: {was_unwell}",
        after.as_millis(),
        ended.map_or("nothing".to_owned(), |status| status.to_string()),
    );
    println!("  {name}: {}", said.lines().last().unwrap_or(""));
    if !was_unwell {
        campaign.book.violate(format!(
            "{name}: /health has not answered 503 before the end"
        ));
    }
    drop(life);
    // As long as the disk is away, a start either works or says why it does not.
    let mut tried = campaign.launch.start()?;
    let starved = tried.address();
    if let Err(error) = &starved
        && !format!("{error:#}").contains(&directory)
    {
        campaign.book.violate(format!(
            "{name}: a start without a disk does not name {directory}: {error:#}"
        ));
    }
    println!(
        "  {name}: a start before it is back {}",
        if starved.is_ok() {
            "works"
        } else {
            "is refused"
        }
    );
    drop(tried);
    take(false)?;
    campaign.book.starve(false);
    again(campaign)
}

/// What is taken is not what executions need: the server goes on.
fn goes_on(
    campaign: &mut Campaign,
    name: &str,
    take: &mut dyn FnMut(bool) -> Result<()>,
) -> Result<Life> {
    let mut life = campaign.deploy()?;
    if name == "functions-enospc" {
        // Before a function is unpacked.
        take(true)?;
    }
    campaign.open(&mut life)?;
    std::thread::sleep(LOAD / 2);
    take(true)?;
    std::thread::sleep(2 * LOAD);
    if life.has_ended()? {
        campaign.book.violate(format!(
            "{name}: the server has ended, and need not have: {}",
            life.said()
        ));
    }
    let said = life.said();
    if name.contains("log-store") && !said.contains("the store of logs has failed") {
        campaign.book.violate(format!(
            "{name}: the server does not say that its logs have failed: {said}"
        ));
    }
    println!(
        "  {name}: it goes on; it says: {}",
        said.lines().last().unwrap_or("nothing")
    );
    take(false)?;
    campaign.close();
    life.kill()?;
    again(campaign)
}

/// A life without faults: everything acknowledged is there, and new load works.
fn again(campaign: &mut Campaign) -> Result<Life> {
    let mut life = campaign.launch.start()?;
    let address = campaign.open(&mut life)?;
    verify::recheck(&mut Client::connect(&address)?, &campaign.book, 0)?;
    std::thread::sleep(LOAD / 2);
    Ok(life)
}

/// A file system that became read-only refuses a start, with its name.
fn read_only(campaign: &mut Campaign, name: &str) -> Result<Life> {
    let mut life = campaign.deploy()?;
    campaign.open(&mut life)?;
    std::thread::sleep(LOAD);
    campaign.close();
    life.kill()?;
    let data = campaign.launch.data.clone();
    // Functions hold it for a moment after their server.
    let until = Instant::now() + END_MAX;
    while remount(&data, "ro").is_err() {
        ensure!(
            Instant::now() < until,
            "{} cannot be made read-only",
            data.display()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    refused(campaign, name, &data, errno_text(EROFS))?;
    remount(&data, "rw")?;
    again(campaign)
}

/// A start must be refused with both texts.
fn refused(campaign: &Campaign, name: &str, path: &Path, text: &str) -> Result<()> {
    let mut life = campaign.launch.start()?;
    let told = match life.address() {
        Ok(_) => "it listens".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    let is_right = told.contains(&path.display().to_string()) && told.contains(text);
    if !is_right {
        campaign.book.violate(format!(
            "{name}: a start should be refused with {} and {text:?}: {told}",
            path.display()
        ));
    }
    println!("  {name}: {}", told.lines().next().unwrap_or(""));
    Ok(())
}

/// A torn write at the end of a journal is dropped, a rotten byte before it is refused and nothing is touched.
fn rotten_journal(campaign: &mut Campaign, name: &str) -> Result<Life> {
    let mut life = campaign.deploy()?;
    campaign.open(&mut life)?;
    std::thread::sleep(LOAD / 2);
    // The second life writes to a journal that is as long as what is in it.
    life.kill()?;
    life = campaign.launch.start()?;
    campaign.open(&mut life)?;
    std::thread::sleep(LOAD / 2);
    campaign.close();
    life.kill()?;
    let rows = campaign.launch.data.join("store/rows");
    let journal = newest(&rows, "jnl")?;
    let whole = fs::read(&journal)?;
    let mut refusals = 0;
    for round in 0..ROTTEN_ROUNDS {
        let mut rotten = whole.clone();
        let at = usize::try_from(campaign.random.below(whole.len() as u64 * 9 / 10))?;
        match round % 4 {
            3 => {
                let page = (at & !4095)..(at & !4095) + 4096;
                if page.end < whole.len() {
                    rotten[page].fill(0);
                }
            }
            _ => rotten[at] ^= 1 << campaign.random.below(8),
        }
        if rotten == whole {
            continue;
        }
        fs::write(&journal, &rotten)?;
        let mut life = campaign.launch.start()?;
        match life.address() {
            Err(error) => {
                let told = format!("{error:#}");
                if !told.contains(&journal.display().to_string()) {
                    campaign.book.violate(format!(
                        "{name}: byte {at} is refused without the file's name: {told}"
                    ));
                }
                if refusals == 0 {
                    println!("  {name}: {}", told.lines().next().unwrap_or(""));
                }
                refusals += 1;
                if fs::read(&journal)? != rotten {
                    campaign
                        .book
                        .violate(format!("{name}: what was refused was changed, byte {at}"));
                }
                fs::write(&journal, &whole)?;
            }
            Ok(address) => {
                // Not seen, so it must not matter. What the server has written since stays.
                verify::recheck(&mut Client::connect(&address)?, &campaign.book, 0)?;
                println!("  {name}: byte {at} of {} changes nothing", whole.len());
                life.kill()?;
                break;
            }
        }
    }
    if refusals == 0 {
        campaign
            .book
            .violate(format!("{name}: no rotten byte was refused"));
    }
    // The beginning of a batch of three rows, and no end.
    let mut file = OpenOptions::new().append(true).open(&journal)?;
    let mut torn = vec![1, 3, 0, 0, 0];
    torn.extend_from_slice(&(1_u64 << 40).to_le_bytes());
    torn.push(2);
    torn.extend((0..campaign.random.between(0, 6_000)).map(|byte| byte as u8));
    file.write_all(&torn)?;
    println!("  {name}: {refusals} rotten journals were refused, and then a torn one opens");
    again(campaign)
}

/// A rotten byte in a table is found when it is read, or is not needed; it is never an answer.
fn rotten_table(campaign: &mut Campaign, name: &str) -> Result<Life> {
    let mut life = campaign.deploy()?;
    campaign.open(&mut life)?;
    let rows = campaign.launch.data.join("store/rows/keyspaces");
    let until = Instant::now() + END_MAX;
    while newest(&rows, "").is_err() && Instant::now() < until {
        std::thread::sleep(LOAD / 2);
    }
    campaign.close();
    life.kill()?;
    ensure!(
        campaign.launch.is_sound()?,
        "fsck finds something before anything is rotten"
    );
    let (mut rounds, mut found, mut unseen, mut checked) = (0, 0, 0, 0);
    let mut told = String::new();
    for _ in 0..ROTTEN_ROUNDS {
        // Whatever opens the store may replace a table by a compaction: it is looked for anew.
        let table = newest(&rows, "")?;
        let file = OpenOptions::new().read(true).write(true).open(&table)?;
        let at = campaign.random.below(file.metadata()?.len());
        let mut byte = [0];
        file.read_exact_at(&mut byte, at)?;
        file.write_all_at(&[byte[0] ^ 0x20], at)?;
        let is_sound = campaign.launch.is_sound()?;
        rounds += 1;
        checked += u64::from(!is_sound);
        let mut life = campaign.launch.start()?;
        let looked = life.address().and_then(|address| {
            verify::recheck(&mut Client::connect(&address)?, &campaign.book, 0)
        });
        match looked {
            Ok(0) => unseen += 1,
            looked => {
                ensure!(
                    !is_sound,
                    "a rotten byte makes the server err, and fsck finds nothing: {looked:?}"
                );
                found += 1;
                told = format!("{looked:?}");
            }
        }
        drop(life);
        file.write_all_at(&byte, at)?;
    }
    // A byte of what only speeds reading up, or of nothing, may go unseen.
    ensure!(
        checked * 2 > rounds,
        "fsck found {checked} of {rounds} rotten bytes"
    );
    println!(
        "  {name}: of {rounds} rotten bytes fsck found {checked}; the server came upon {found}, and did not read {unseen}; {told}"
    );
    again(campaign)
}

/// The newest file below a directory whose name ends so; for tables, which have no ending, of the rows.
fn newest(directory: &Path, ending: &str) -> Result<PathBuf> {
    let mut found: Vec<(u64, PathBuf)> = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)?.flatten() {
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                open.push(path);
                continue;
            }
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            let extension = path.extension().unwrap_or_default();
            let is_table = !ending.is_empty()
                || (path
                    .parent()
                    .is_some_and(|parent| parent.ends_with("tables"))
                    && entry.metadata()?.len() > TABLE_BYTES_MIN);
            if let Some(number) = number.filter(|_| extension == ending && is_table) {
                found.push((number, path));
            }
        }
    }
    found.sort_unstable();
    let newest = found.pop().map(|(_, path)| path);
    newest.with_context(|| format!("no file of that kind is below {}", directory.display()))
}

/// A library that makes calls fail, and its control file.
struct Library {
    library: PathBuf,
    control: PathBuf,
}

impl Library {
    fn build(directory: &Path) -> Result<Library> {
        let source = directory.join("fault.c");
        let library = directory.join("fault.so");
        let control = directory.join("fault.control");
        fs::write(&source, SOURCE)?;
        fs::write(&control, [0; 16])?;
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(&source)
            .arg("-ldl")
            .status()
            .context("run cc, which Rust needs for linking as well (package gcc)")?;
        ensure!(compiled.success(), "cc does not compile the fault library");
        Ok(Library { library, control })
    }

    fn environment(&self, below: &str) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        vec![
            ("LD_PRELOAD".into(), self.library.clone().into()),
            ("CRASH_FAULT_CONTROL".into(), self.control.clone().into()),
            ("CRASH_FAULT_BELOW".into(), below.into()),
        ]
    }

    /// From now on `times` calls fail so.
    fn fail(&self, call: u64, number: i32, times: i32) -> Result<()> {
        let file = OpenOptions::new().write(true).open(&self.control)?;
        file.write_all_at(&times.to_ne_bytes(), 8)?;
        file.write_all_at(&number.to_ne_bytes(), call)?;
        Ok(())
    }

    /// How many calls have failed.
    fn failed(&self) -> Result<i32> {
        let mut number = [0; 4];
        File::open(&self.control)?.read_exact_at(&mut number, 12)?;
        Ok(i32::from_ne_bytes(number))
    }
}

/// Runs a fault in namespaces of its own, where a file system can be mounted.
fn in_namespaces(name: &str, place: &Place) -> Result<Report> {
    let can = Command::new("unshare")
        .args(["-rm", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !can {
        println!(
            "  {name}: not run: `unshare -rm` is not permitted here; the injected faults stand for it"
        );
        return Ok(Report::default());
    }
    let output = Command::new("unshare")
        .args(["-rm", "--"])
        .arg(std::env::current_exe()?)
        .args(["crash", "--kills", "0", "--fault", name, "--seed"])
        .arg(place.seed.to_string())
        .arg("--binary")
        .arg(place.binary)
        .env(INSIDE, &place.directory)
        .stderr(Stdio::inherit())
        .output()?;
    let mut report = Report {
        faults: 1,
        ..Report::default()
    };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match line.strip_prefix(FIGURES) {
            Some(figures) => report.read_figures(figures),
            None => println!("{line}"),
        }
    }
    if !output.status.success() {
        report.violations.push(format!("{name} failed; see above"));
    }
    Ok(report)
}

/// Whether this process is the one in the namespaces, and where it works.
pub fn inside() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

fn is_inside() -> bool {
    inside().is_some()
}

fn mount(directory: &Path, megabytes: u64) -> Result<()> {
    fs::create_dir_all(directory)?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o"])
        .arg(format!("size={megabytes}m"))
        .arg("crash")
        .arg(directory)
        .status()?;
    ensure!(
        mounted.success(),
        "nothing can be mounted on {}",
        directory.display()
    );
    Ok(())
}

fn remount(directory: &Path, how: &str) -> Result<()> {
    let done = Command::new("mount")
        .args(["-o", &format!("remount,{how}")])
        .arg(directory)
        .output()?;
    ensure!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// Fills the file system of a directory to its last byte, or gives the room back.
fn fill(directory: &Path, is_full: bool) -> Result<()> {
    let ballast = directory.join("ballast");
    if !is_full {
        fs::remove_file(&ballast)?;
        return Ok(());
    }
    let mut file = File::create(&ballast)?;
    let mut size = 1 << 16;
    while size > 0 {
        if file.write_all(&vec![b'x'; size]).is_err() {
            size /= 2;
        }
    }
    Ok(())
}

/// What the operating system calls an error.
fn errno_text(number: i32) -> &'static str {
    match number {
        ENOSPC => "No space left on device",
        EROFS => "Read-only file system",
        _ => "Input/output error",
    }
}

/// What the line begins with that the process in the namespaces ends with.
pub const FIGURES: &str = "figures ";
const INSIDE: &str = "CRASH_INSIDE";
const SOURCE: &str = include_str!("fault.c");
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
/// Where the control file has the error of a call.
const WRITE: u64 = 0;
const SYNC: u64 = 4;
const STORE: &str = "/data/store/";
const TABLES: &str = "/data/store/rows/keyspaces/";
const LOG_STORE: &str = "/data/telemetry/";
const FUNCTIONS: &str = "/data/functions/";
/// Above the floor of free bytes that a server needs to begin anything (`free_disk_bytes`).
const FULL_DISK_MB: u64 = 400;
const TABLE_BYTES_MIN: u64 = 100_000;
const LOAD: Duration = Duration::from_millis(1_000);
const END_MAX: Duration = Duration::from_secs(30);
const ROTTEN_ROUNDS: u64 = 12;
