//! Bad input on purpose: generators, mutations, and a run whose inputs are bounded in time and memory.
//!
//! Lives here: the targets, their corpora, the supervisor that survives what its worker does not, minimising.
//! Never here: anything that ships; expectations about single inputs, which belong to the tests of their crate.
//! Read first: [`Target`], then [`supervise::run`].

pub mod bounds;
mod corpus;
mod draw;
pub mod supervise;
pub mod targets;
pub mod worker;

use corpus::Corpus;
use draw::Draw;

/// One face of the product that reads what strangers write.
#[derive(Debug)]
pub struct Target {
    /// How the command line and the folders name it.
    pub name: &'static str,
    /// Makes one input; the same draws give the same input.
    generate: fn(&mut Draw, &Corpus) -> Vec<u8>,
    /// Reads one input. Whatever it says is right, as long as it comes back, in time and within its memory.
    pub read: fn(&[u8]),
}

impl Target {
    /// Every target, in the order of the summary.
    pub const ALL: [&'static Target; 12] = [
        &targets::definition::TARGET,
        &targets::path::TARGET,
        &targets::intrinsic::TARGET,
        &targets::jsonata::TARGET,
        &targets::api::TARGET,
        &targets::front::TARGET,
        &targets::segments::TARGET,
        &targets::cbor::TARGET,
        &targets::signature::TARGET,
        &targets::otlp::TARGET,
        &targets::logs::FILTER_PATTERN,
        &targets::logs::INSIGHTS,
    ];

    /// The target with this name.
    pub fn named(name: &str) -> Option<&'static Target> {
        Target::ALL.into_iter().find(|target| target.name == name)
    }

    /// Input number `number` of a run: the same seed and number give the same bytes, whatever came before.
    ///
    /// - At most [`bounds::INPUT_BYTES_MAX`] bytes.
    pub fn input(&self, seed: u64, number: u64) -> Vec<u8> {
        let mut input = (self.generate)(&mut Draw::of(seed, number), Corpus::of(self.name));
        input.truncate(bounds::INPUT_BYTES_MAX);
        input
    }

    /// What is kept for this target: the corpus, then the findings of the past.
    pub fn kept(&self) -> Vec<(&'static str, &'static [u8])> {
        Corpus::of(self.name).files().collect()
    }
}
