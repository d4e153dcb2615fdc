//! What one input may cost. More is a finding.

use std::time::Duration;

/// Largest input that a generator makes; the largest definition of all is a named test.
pub const INPUT_BYTES_MAX: usize = 256 << 10;

/// Processor time of one input, in a debug build. The longest that the product allows is a second, for JSONata.
pub const PROCESSOR_TIME_MAX: Duration = Duration::from_secs(8);

/// Time of one input on the wall, for one that sleeps or waits for itself.
pub const WALL_TIME_MAX: Duration = Duration::from_secs(120);

/// Memory that one input may take beyond what was taken before it: JSONata may build 64 MiB of text from 64 MiB.
pub const MEMORY_BYTES_MAX: usize = 384 << 20;

/// Stack of the thread that reads: that of the server's threads.
pub const STACK_BYTES: usize = 2 << 20;
