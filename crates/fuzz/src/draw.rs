//! Chance that can be repeated, and the mutations that every target shares.

use crate::corpus::Corpus;

/// Most mutations of one input.
const MUTATIONS_MAX: usize = 4;
/// How often a mutation may repeat a piece: far beyond every depth bound of the product.
const REPETITIONS: [usize; 6] = [2, 3, 30, 129, 1_100, 12_000];

/// Pieces that mean something to most readers of texts.
const PIECES: [&str; 34] = [
    "\"",
    "'",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{0}",
    "\u{feff}",
    "\u{10ffff}",
    "é",
    "ß",
    "\u{202e}",
    "👩‍👩‍👧",
    "\n",
    " ",
    "0",
    "-1",
    "1e308",
    "1e309",
    "-0",
    "9223372036854775808",
    "18446744073709551616",
    "0.1",
    "1e-400",
    "NaN",
    "null",
    "true",
    "{}",
    "[]",
    ",",
    ":",
    "%",
    "{%",
    "%}",
    "$",
];

/// Pairs that enclose something.
const PAIRS: [(&str, &str); 9] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("\"", "\""),
    ("'", "'"),
    ("{\"a\":", "}"),
    ("[?(", ")]"),
    ("$string(", ")"),
    ("States.Array(", ")"),
];

/// A stream of choices that a seed and a number decide.
pub struct Draw(fastrand::Rng);

impl Draw {
    /// The choices of input `number` of a run.
    pub fn of(seed: u64, number: u64) -> Draw {
        // The generator mixes its seed, so neighbours differ.
        Draw(fastrand::Rng::with_seed(
            seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ))
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.usize(..bound)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `items`, which are not empty.
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A number that bounds and conversions fear.
    pub fn number(&mut self) -> String {
        match self.below(6) {
            0 => self.below(4).to_string(),
            1 => (self.0.i64(..)).to_string(),
            2 => f64::from_bits(self.0.u64(..)).to_string(),
            3 => self
                .one_of(&[
                    "-1",
                    "-0",
                    "1e12",
                    "1e308",
                    "1e400",
                    "-1e-7",
                    "4294967296",
                    "9007199254740993",
                ])
                .to_owned(),
            4 => format!("{}.{}", self.below(100), self.below(1_000)),
            _ => self.below(2_000).to_string(),
        }
    }

    /// `text` with a few mutations, some of them with pieces of `dictionary` and of other texts of the corpus.
    pub fn mutated(&mut self, text: &str, dictionary: &[&str], corpus: &Corpus) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(MUTATIONS_MAX) {
            self.mutate(&mut characters, dictionary, corpus);
        }
        characters.into_iter().collect()
    }

    fn mutate(&mut self, text: &mut Vec<char>, dictionary: &[&str], corpus: &Corpus) {
        let from = self.below(text.len() + 1);
        let length = self.below((text.len() - from).min(40) + 1);
        let range = from..from + length;
        match self.below(8) {
            0 => drop(text.drain(range)),
            1 => insert(text, from, self.one_of(&PIECES)),
            2 | 3 => insert(text, from, self.one_of(dictionary)),
            4 => {
                let piece: String = text[range].iter().collect();
                let times = self.one_of(&REPETITIONS);
                insert(text, from, &bounded_repeat(&piece, times));
            }
            5 => {
                let (open, close) = self.one_of(&PAIRS);
                let times = self.one_of(&REPETITIONS);
                insert(text, range.end, &bounded_repeat(close, times));
                insert(text, from, &bounded_repeat(open, times));
            }
            6 => {
                let number = self.number();
                text.splice(range, number.chars());
            }
            _ => {
                let other: Vec<char> = corpus.text(self).chars().collect();
                let from = self.below(other.len() + 1);
                text.splice(range, other.into_iter().skip(from).take(200));
            }
        }
    }
}

fn insert(text: &mut Vec<char>, at: usize, piece: &str) {
    text.splice(at..at, piece.chars());
}

/// `piece` as often as wished, but no longer than an input may be.
fn bounded_repeat(piece: &str, times: usize) -> String {
    let longest = crate::bounds::INPUT_BYTES_MAX / piece.len().max(1);
    piece.repeat(times.min(longest))
}
