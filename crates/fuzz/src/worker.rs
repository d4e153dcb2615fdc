//! The process that reads inputs. It may die of one: the supervisor knows which, and starts another.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cap::Cap;

use crate::Target;
use crate::bounds::{MEMORY_BYTES_MAX, STACK_BYTES};

/// The allocator of a program that reads bad input.
pub type Allocator = Cap<std::alloc::System>;

/// Reads input after input until it is killed or an input kills it.
///
/// - `progress`: a file that always holds the number of the input that is being read.
pub fn read_on(
    target: &'static Target,
    seed: u64,
    first: u64,
    progress: &Path,
    allocator: &'static Allocator,
) -> Result<()> {
    let progress = OpenOptions::new()
        .write(true)
        .open(progress)
        .context("the progress file")?;
    on_a_server_stack(move || {
        for number in first.. {
            let input = target.input(seed, number);
            progress
                .write_all_at(&number.to_le_bytes(), 0)
                .expect("the progress file takes eight bytes");
            bounded(target, &input, allocator);
        }
    })
}

/// Reads one input.
pub fn read_one(
    target: &'static Target,
    input: Vec<u8>,
    allocator: &'static Allocator,
) -> Result<()> {
    on_a_server_stack(move || bounded(target, &input, allocator))
}

/// Reads `input`; an allocation over the bound ends the process.
pub fn bounded(target: &Target, input: &[u8], allocator: &Allocator) {
    let limit = allocator.allocated() + MEMORY_BYTES_MAX;
    allocator
        .set_limit(limit)
        .expect("less than this is allocated");
    (target.read)(input);
    allocator
        .set_limit(usize::MAX)
        .expect("there is no larger limit");
}

fn on_a_server_stack(work: impl FnOnce() + Send + 'static) -> Result<()> {
    // A panic is a finding, also where somebody would catch it.
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::abort();
    }));
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(work)
        .context("a thread")?;
    if thread.join().is_err() {
        bail!("an input made its reader panic");
    }
    Ok(())
}
