//! Takes the console's files into the binary, if they were built (`npm run build` in `console/`).
//!
//! Without them everything else works; the server then shows how to build them.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it"));
    let dist = root.join("../../console/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    // A package without the console's sources has no files of it.
    if dist.join("index.html").is_file() {
        list(&dist, &mut files);
        files.sort();
    }
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo says it"));
    // Copies: the console may be built again while this is compiled.
    let copies = out.join("console");
    if copies.is_dir() {
        fs::remove_dir_all(&copies).expect("the output directory is ours");
    }
    fs::create_dir_all(&copies).expect("the output directory takes a directory");
    let mut code = String::from("pub const ASSETS: &[stepwell_server::Asset] = &[\n");
    for (number, file) in files.iter().enumerate() {
        asset(&mut code, &dist, file, &copies.join(number.to_string()));
    }
    code.push_str("];\n");
    fs::write(out.join("console.rs"), code).expect("the output directory takes a file");
}

fn list(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            list(&path, into);
        } else if content_type(&path).is_some() {
            into.push(path.canonicalize().expect("it was listed"));
        }
    }
}

/// `None` for what is no file of the console itself: compressed forms, `.gitignore`.
fn content_type(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

/// - `copy`: where the file and its compressed forms are put, with their suffixes.
fn asset(code: &mut String, dist: &Path, file: &Path, copy: &Path) {
    let dist = dist.canonicalize().expect("it has files");
    let path = file.strip_prefix(&dist).expect("it was listed there");
    let bytes = fs::read(file).expect("the file can be read");
    let mut hash = DefaultHasher::new();
    bytes.hash(&mut hash);
    let form = |suffix: &str| {
        let compressed = PathBuf::from(format!("{}{suffix}", file.display()));
        let copied = PathBuf::from(format!("{}.file{suffix}", copy.display()));
        match fs::copy(&compressed, &copied) {
            Ok(_) => format!("include_bytes!({:?})", copied.display().to_string()),
            Err(_) => "&[]".to_string(),
        }
    };
    writeln!(
        code,
        "stepwell_server::Asset {{ path: {:?}, content_type: {:?}, etag: {:?}, plain: {}, gzip: {}, brotli: {} }},",
        path.display().to_string(),
        content_type(file).expect("it was listed"),
        format!("\"{:016x}\"", hash.finish()),
        form(""),
        form(".gz"),
        form(".br"),
    )
    .expect("a string takes text");
}
