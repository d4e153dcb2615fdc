//! Source maps that name the files of the project, wherever the bundle goes.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

/// Makes every source of the maps among `files` a `file:` URL.
///
/// - esbuild writes sources relative to the map; the map is moved to wherever the function runs, and they no longer lead
///   to anything.
/// - A map with a `sourceRoot` is left alone: somebody said where its sources are.
pub(super) fn make_absolute(files: &[PathBuf]) -> Result<(), std::io::Error> {
    let maps = files
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "map"));
    for file in maps {
        let Ok(mut map) = serde_json::from_slice::<Value>(&fs::read(file)?) else {
            continue;
        };
        if map["sourceRoot"]
            .as_str()
            .is_some_and(|root| !root.is_empty())
        {
            continue;
        }
        let Some(sources) = map["sources"].as_array_mut() else {
            continue;
        };
        let directory = file.parent().unwrap_or(Path::new("/"));
        for source in sources {
            if let Some(url) = source.as_str().and_then(|path| url(directory, path)) {
                *source = json!(url);
            }
        }
        fs::write(file, map.to_string())?;
    }
    Ok(())
}

/// The `file:` URL of a path relative to `directory`; `None` if it is a URL already, such as a plugin's.
fn url(directory: &Path, path: &str) -> Option<String> {
    let scheme = path.split(['/', '.']).next().unwrap_or_default();
    if scheme.contains(':') {
        return None;
    }
    let mut absolute = PathBuf::new();
    for part in directory.join(path).components() {
        match part {
            Component::ParentDir => drop(absolute.pop()),
            Component::CurDir => {}
            part => absolute.push(part),
        }
    }
    let mut url = "file://".to_owned();
    for character in absolute.to_str()?.chars() {
        match character {
            '%' => url.push_str("%25"),
            '?' => url.push_str("%3F"),
            '#' => url.push_str("%23"),
            '\\' => url.push_str("%5C"),
            ' ' => url.push_str("%20"),
            character => url.push(character),
        }
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_becomes_the_url_of_its_file() {
        let of = |path: &str| url(Path::new("/tmp/out/src"), path);
        assert_eq!(
            of("../../../apps/a b/src/x#1.ts").as_deref(),
            Some("file:///apps/a%20b/src/x%231.ts")
        );
        assert_eq!(of("./x.ts").as_deref(), Some("file:///tmp/out/src/x.ts"));
        assert_eq!(of("/abs/100%.ts").as_deref(), Some("file:///abs/100%25.ts"));
        assert_eq!(of("webpack://x/y.ts"), None);
    }
}
