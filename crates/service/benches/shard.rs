//! How long the shard takes: `cargo bench -p stepwell-service --bench shard`.

#[expect(dead_code, reason = "the other bench also counts what is written")]
mod scene;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use divan::Bencher;
use divan::counter::ItemsCount;
use scene::SCENES;

fn main() {
    divan::main();
}

/// One round of a scene; its items are operations (executions, task hops, pages).
#[divan::bench(args = SCENES.iter().map(|scene| scene.name), sample_count = 20)]
fn round(bencher: Bencher<'_, '_>, name: &str) {
    let scene = scene::named(name);
    let mut bench = (scene.open)();
    bencher
        .counter(ItemsCount::new(scene.operations))
        .bench_local(|| (scene.round)(&mut bench));
}
