//! One scene some rounds long, for tools that count: `instructions SCENE ROUNDS`.
//!
//! `cargo xtask bench-service` runs it under callgrind twice and subtracts. With `bytes` before the scene it
//! prints what one operation writes, by kind of row.

mod scene;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["bytes", name, rounds] => print_bytes(name, number(rounds)),
        [name, rounds] => {
            let scene = scene::named(name);
            let mut bench = (scene.open)();
            for _ in 0..number(rounds) {
                (scene.round)(&mut bench);
            }
        }
        _ => {
            for scene in &scene::SCENES {
                println!("{} {} {}", scene.name, scene.operations, scene.transitions);
            }
        }
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("the number of rounds")
}

fn print_bytes(name: &str, rounds: usize) {
    let scene = scene::named(name);
    let mut bench = (scene.open)();
    drop(bench.take_written());
    for _ in 0..rounds {
        (scene.round)(&mut bench);
    }
    let operations = (rounds * scene.operations) as f64;
    let mut total = 0;
    println!("{name}, one operation: kind, puts, deletes, key bytes, value bytes");
    for (kind, count) in bench.take_written() {
        total += count.key_bytes + count.value_bytes;
        println!(
            "{kind:>3} {:>8.2} {:>8.2} {:>8.1} {:>8.1}",
            count.puts as f64 / operations,
            count.deletes as f64 / operations,
            count.key_bytes as f64 / operations,
            count.value_bytes as f64 / operations,
        );
    }
    let transitions = (rounds * scene.transitions.max(1)) as f64;
    println!(
        "{:.1} bytes an operation, {:.1} a transition",
        total as f64 / operations,
        total as f64 / transitions
    );
}
