//! Inputs that are kept: texts that a target likes, and what has once been a finding.

use std::path::Path;
use std::sync::OnceLock;

use crate::draw::Draw;

/// Where both kinds are, from this crate.
const FOLDERS: [&str; 2] = ["corpus", "findings"];

/// What is kept for one target.
#[derive(Debug)]
pub struct Corpus {
    files: Vec<(String, Vec<u8>)>,
    texts: Vec<String>,
}

impl Corpus {
    /// The corpus of the target with this name, read once.
    ///
    /// - A file of `corpus` with the ending `.txt` holds one text a line; every other file is one input.
    pub fn of(target: &'static str) -> &'static Corpus {
        static READ: OnceLock<Vec<(&'static str, Corpus)>> = OnceLock::new();
        let read = READ.get_or_init(|| {
            let names = crate::Target::ALL.map(|target| target.name);
            names.map(|name| (name, Corpus::read(name))).into()
        });
        let found = read.iter().find(|(name, _)| *name == target);
        &found.expect("a target's name is in the list of all").1
    }

    fn read(target: &str) -> Corpus {
        let mut files = Vec::new();
        for folder in FOLDERS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(folder)
                .join(target);
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue;
            };
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                let content = std::fs::read(&path)
                    .unwrap_or_else(|error| panic!("{} is read: {error}", path.display()));
                files.push((path.display().to_string(), content));
            }
        }
        files.sort();
        let files: Vec<(String, Vec<u8>)> = files.into_iter().flat_map(lines).collect();
        assert!(!files.is_empty(), "the target {target} has a corpus");
        let texts = files
            .iter()
            .map(|(_, content)| String::from_utf8_lossy(content).into_owned())
            .collect();
        Corpus { files, texts }
    }

    /// Everything kept, with where it is.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(name, content)| (name.as_str(), content.as_slice()))
    }

    /// Any text of the corpus.
    pub fn text(&self, draw: &mut Draw) -> &str {
        &self.texts[draw.below(self.texts.len())]
    }
}

/// The inputs that one file holds.
fn lines((name, content): (String, Vec<u8>)) -> Vec<(String, Vec<u8>)> {
    if !name.ends_with(".txt") {
        return vec![(name, content)];
    }
    let text = String::from_utf8_lossy(&content).into_owned();
    let numbered = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty());
    numbered
        .map(|(at, line)| (format!("{name}:{}", at + 1), line.as_bytes().to_vec()))
        .collect()
}
