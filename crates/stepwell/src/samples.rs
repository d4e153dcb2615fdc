//! Sample inputs of an application: the JSON files in its directory `events`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Where samples are, in an application's directory.
const DIRECTORY: &str = "events";
/// What the sample orders of an application are expected to end with; no sample itself.
const EXPECTED: &str = "expected.json";
/// Samples that are offered; a directory with more is one of something else.
const SAMPLES_MAX: usize = 100;

/// The samples of an application, the plainest first, as paths from the working directory where they are below it.
pub fn of(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory.join(DIRECTORY)) else {
        return Vec::new();
    };
    let mut samples: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
                && path.file_name().is_some_and(|name| name != EXPECTED)
        })
        .take(SAMPLES_MAX)
        .collect();
    // What is expected is told from the plainest input on.
    let expected = fs::read_to_string(directory.join(DIRECTORY).join(EXPECTED)).unwrap_or_default();
    samples.sort_by_key(|path| {
        let name = name(path);
        (
            expected.find(&format!("\"{name}\"")).unwrap_or(usize::MAX),
            name,
        )
    });
    let here = env::current_dir().unwrap_or_default();
    samples
        .into_iter()
        .map(|path| match path.strip_prefix(&here) {
            Ok(relative) => relative.to_path_buf(),
            Err(_) => path,
        })
        .collect()
}

/// The sample that a name means: `paid`, `paid.json` or `events/paid.json`, in any directory's `events`.
pub fn named(directory: &Path, typed: &str) -> Option<PathBuf> {
    [typed.to_owned(), format!("{typed}.json")]
        .into_iter()
        .flat_map(|name| [directory.join(DIRECTORY).join(&name), directory.join(name)])
        .find(|path| path.is_file())
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_found_by_its_name_and_the_plainest_comes_first() {
        let root = env::temp_dir().join(format!("stepwell-samples-{}", std::process::id()));
        let events = root.join(DIRECTORY);
        fs::create_dir_all(&events).unwrap();
        for name in ["a.json", "paid.json", "note.txt"] {
            fs::write(events.join(name), "{}").unwrap();
        }
        fs::write(events.join(EXPECTED), r#"{"paid.json": {}, "a.json": {}}"#).unwrap();
        let names: Vec<String> = of(&root).iter().map(|path| name(path)).collect();
        assert_eq!(names, ["paid.json", "a.json"]);
        for typed in ["paid", "paid.json", "events/paid", "events/paid.json"] {
            assert_eq!(
                named(&root, typed),
                Some(events.join("paid.json")),
                "{typed}"
            );
        }
        assert_eq!(named(&root, "unpaid"), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
