//! What happens in a world, line by line, for people.

/// Where the lines of a world go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    Off,
    /// To standard output, as they come.
    Printed,
}

impl Trace {
    /// Says a line, which is made only if somebody reads it.
    pub fn say(self, step: u64, now_ms: i64, line: impl FnOnce() -> String) {
        if self == Trace::Printed {
            let seconds = now_ms as f64 / 1_000.0;
            println!("{step:>5} {seconds:>10.3}  {}", line());
        }
    }
}
