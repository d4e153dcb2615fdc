//! JSONata beside the reference implementation, on the same machine, in the same run.
//!
//! `cargo xtask bench-language` installs the reference and runs this. Arguments: the folder of `node_modules`.

#![expect(
    clippy::disallowed_types,
    reason = "a benchmark reads the clock and starts the reference"
)]

mod document;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use document::{SIZES, order, with_scope};
use serde_json::{Value, json};
use stepwell_asl::jsonata::{Expression, Outcome};

const CASES: &str = include_str!("reference/cases.json");
/// How long each case is measured, after as long a warm-up.
const MEASURED: Duration = Duration::from_millis(150);
/// Shorter runs are timed in batches.
const BATCH_NS_MIN: u128 = 50_000;
/// Fewest runs of a case.
const RUNS_MIN: usize = 5;
/// How many times as fast the median case has to be.
const RATIO_MIN: f64 = 5.0;

struct Case {
    name: String,
    expression: String,
    input: Value,
    bytes: usize,
}

/// Times of one case in nanoseconds: from values to a value, from a text to a text.
type Times = [f64; 2];

fn main() {
    // `cargo bench` puts its own `--bench` behind what it is given.
    let Some(modules) = std::env::args()
        .nth(1)
        .filter(|argument| argument != "--bench")
    else {
        println!(
            "the folder with the reference implementation is missing: run `cargo xtask bench-language`"
        );
        return;
    };
    let cases = cases();
    let ours: Vec<Times> = cases.iter().map(measure).collect();
    let theirs = reference(&cases, &modules);
    print(&cases, &ours, &theirs);
}

fn cases() -> Vec<Case> {
    let listed: Vec<Value> = serde_json::from_str(CASES).expect("the cases are JSON");
    let of = |case: &Value, size: usize| {
        let input = order(size);
        Case {
            name: case["name"].as_str().expect("a case has a name").to_owned(),
            expression: case["expression"]
                .as_str()
                .expect("a case has an expression")
                .to_owned(),
            bytes: input.to_string().len(),
            input,
        }
    };
    SIZES
        .iter()
        .flat_map(|size| listed.iter().map(move |case| of(case, *size)))
        .collect()
}

fn measure(case: &Case) -> Times {
    let expression = Expression::compile(&format!("{{% {} %}}", case.expression), Outcome::None)
        .expect(&case.name);
    let text = case.input.to_string();
    let values = with_scope(&case.input, |scope| {
        median(|| {
            drop(black_box(
                expression.evaluate(scope, "Output").expect(&case.name),
            ))
        })
    });
    let texts = median(|| {
        let input: Value = serde_json::from_str(&text).expect("the input is JSON");
        let output = with_scope(&input, |scope| {
            expression.evaluate(scope, "Output").expect(&case.name)
        });
        drop(black_box(output.to_string()));
    });
    [values, texts]
}

fn median(run: impl Fn()) -> f64 {
    drop(runs(&run));
    let mut times = runs(&run);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn runs(run: &impl Fn()) -> Vec<f64> {
    let mut times = Vec::new();
    let mut batch = 1;
    let end = Instant::now() + MEASURED;
    while Instant::now() < end || times.len() < RUNS_MIN {
        let start = Instant::now();
        for _ in 0..batch {
            run();
        }
        let nanoseconds = start.elapsed().as_nanos();
        if nanoseconds < BATCH_NS_MIN {
            batch *= 2;
            times.clear();
        } else {
            times.push(nanoseconds as f64 / f64::from(batch));
        }
    }
    times
}

fn reference(cases: &[Case], modules: &str) -> Vec<Times> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reference/reference.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let asked: Vec<Value> = cases
        .iter()
        .map(|case| json!({"expression": case.expression, "input": case.input.to_string()}))
        .collect();
    let request = json!({"seconds": MEASURED.as_secs_f64(), "cases": asked}).to_string();
    let mut input = node.stdin.take().expect("node has a standard input");
    input.write_all(request.as_bytes()).expect("node reads");
    drop(input);
    let output = node.wait_with_output().expect("node ends");
    serde_json::from_slice(&output.stdout).expect("node writes the times")
}

fn print(cases: &[Case], ours: &[Times], theirs: &[Times]) {
    println!(
        "{:<18}{:>9}{:>12}{:>12}{:>8}{:>14}{:>12}{:>8}",
        "case", "bytes", "ours, ns", "node, ns", "ratio", "with JSON, ns", "node, ns", "ratio"
    );
    let mut ratios = [Vec::new(), Vec::new()];
    for ((case, ours), theirs) in cases.iter().zip(ours).zip(theirs) {
        let ratio: Vec<f64> = ours
            .iter()
            .zip(theirs)
            .map(|(ours, theirs)| theirs / ours)
            .collect();
        println!(
            "{:<18}{:>9}{:>12.0}{:>12.0}{:>8.1}{:>14.0}{:>12.0}{:>8.1}",
            case.name, case.bytes, ours[0], theirs[0], ratio[0], ours[1], theirs[1], ratio[1]
        );
        ratios[0].push(ratio[0]);
        ratios[1].push(ratio[1]);
    }
    let [values, texts] = ratios.map(|mut ratios| {
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    });
    println!("median ratio: {values:.1} from values to a value, {texts:.1} from a text to a text");
    assert!(
        values >= RATIO_MIN,
        "the median case is {values:.1} times as fast, of at least {RATIO_MIN}"
    );
}
