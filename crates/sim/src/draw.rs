//! Chance that can be repeated.

/// A stream of choices that a seed decides.
#[derive(Debug, Clone)]
pub struct Draw(fastrand::Rng);

impl Draw {
    /// The stream of a seed.
    ///
    /// - `stream`: what it is for; streams of one seed know nothing of each other, so that one more
    ///   choice in one leaves the others as they were.
    pub fn of(seed: u64, stream: u64) -> Draw {
        let mixed =
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Draw(fastrand::Rng::with_seed(mixed))
    }

    /// A stream of its own, for a part whose number of choices should not move what comes after it.
    pub fn fork(&mut self) -> Draw {
        Draw(fastrand::Rng::with_seed(self.0.u64(..)))
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.usize(..bound)
    }

    /// A number in `from..=to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        self.0.i64(from..=to)
    }

    /// True `percent` times in a hundred.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    /// True `times` times in a thousand.
    pub fn permille(&mut self, times: u32) -> bool {
        self.0.u32(..1_000) < times
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `items`, which are not empty.
    pub fn one_of<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }

    /// 32 bytes, as the shell draws for a command.
    pub fn entropy(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill(&mut bytes);
        bytes
    }
}
