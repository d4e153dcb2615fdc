//! SIGINT and SIGTERM: the first asks to stop, the second stops at once.

use std::{io, process, thread};

use tokio::{
    runtime::Builder,
    select,
    signal::unix::{Signal, SignalKind, signal},
};

/// Exit code of a program that a second SIGINT ended (128 + SIGINT), as shells report it.
pub const EXIT_INTERRUPTED: i32 = 130;

/// Calls `ask` at the first signal; a second one ends the process. Signals are held from the return on.
pub fn on_interrupt(ask: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut interrupts, mut terminations) = {
        let _context = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(next(&mut interrupts, &mut terminations));
            ask();
            runtime.block_on(next(&mut interrupts, &mut terminations));
            process::exit(EXIT_INTERRUPTED);
        })?;
    Ok(())
}

async fn next(interrupts: &mut Signal, terminations: &mut Signal) {
    select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
