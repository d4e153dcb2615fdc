//! `BuildProperties` of SAM's esbuild build method, as esbuild flags.

use std::path::Path;

use serde_json::Value;

use super::BundleError;
use super::layout::{SOURCE_EXTENSIONS, handler_module};

/// How a function is bundled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildProperties {
    /// Files relative to the function's `CodeUri`, at least one.
    pub entry_points: Vec<String>,
    flags: Vec<String>,
    is_esm: bool,
}

impl BuildProperties {
    /// Reads the template's `BuildProperties` (an object).
    ///
    /// - Names in Pascal or snake case; any other option of esbuild works under its own name the same way
    ///   (`LegalComments: none` is `--legal-comments=none`).
    /// - Errors name the property: a flag that the build itself sets, a value of the wrong kind, no entry points.
    pub fn parse(properties: &Value) -> Result<BuildProperties, BundleError> {
        let Some(members) = properties.as_object() else {
            return Err(BundleError::Properties(format!(
                "BuildProperties must be an object, not {properties}"
            )));
        };
        let mut parsed = BuildProperties {
            entry_points: Vec::new(),
            flags: Vec::new(),
            is_esm: false,
        };
        for (name, value) in members {
            let flag = kebab(name);
            match flag.as_str() {
                "entry-points" => parsed.entry_points = items(name, value)?,
                // How npm is run, not esbuild.
                "use-npm-ci" => {}
                flag if SET_BY_BUILD.contains(&flag) => {
                    return Err(BundleError::Properties(format!(
                        "BuildProperties {name} is set by the build itself"
                    )));
                }
                _ => parsed.flags.extend(flags(name, &flag, value)?),
            }
        }
        if parsed.entry_points.is_empty() {
            return Err(BundleError::Properties(
                "BuildProperties needs EntryPoints with at least one file".to_owned(),
            ));
        }
        parsed.complete();
        Ok(parsed)
    }

    /// The default build of a handler whose source is TypeScript: its file alone, with a source map.
    ///
    /// - `handler`: such as `src/functions/validateOrder.handler`.
    /// - `None` if there is no such TypeScript file below `dir`.
    pub fn for_handler(dir: &Path, handler: &str) -> Option<BuildProperties> {
        let module = handler_module(handler);
        let names = SOURCE_EXTENSIONS
            .iter()
            .filter(|extension| extension.contains("ts"));
        let entry_point = names
            .map(|extension| format!("{module}.{extension}"))
            .find(|name| dir.join(name).is_file())?;
        let mut properties = BuildProperties {
            entry_points: vec![entry_point],
            flags: vec!["--sourcemap".to_owned()],
            is_esm: false,
        };
        properties.complete();
        Some(properties)
    }

    pub(super) fn flags(&self) -> &[String] {
        &self.flags
    }

    pub(super) fn is_esm(&self) -> bool {
        self.is_esm
    }

    /// Adds SAM's defaults.
    fn complete(&mut self) {
        for (name, default) in [("--target=", "es2020"), ("--format=", "cjs")] {
            if !self.flags.iter().any(|flag| flag.starts_with(name)) {
                self.flags.push(format!("{name}{default}"));
            }
        }
        self.is_esm = self.flags.iter().any(|flag| flag == "--format=esm");
    }
}

/// The flags one property stands for.
fn flags(name: &str, flag: &str, value: &Value) -> Result<Vec<String>, BundleError> {
    if KEYED.contains(&flag) {
        return Ok(items(name, value)?
            .into_iter()
            .map(|item| format!("--{flag}:{item}"))
            .collect());
    }
    if JOINED.contains(&flag) {
        return Ok(vec![format!("--{flag}={}", items(name, value)?.join(","))]);
    }
    let text = scalar(name, value)?;
    Ok(match text.as_str() {
        "true" if !WITH_VALUE.contains(&flag) => vec![format!("--{flag}")],
        // Absence is the way to say no to a switch.
        "false" if !WITH_VALUE.contains(&flag) => Vec::new(),
        text => vec![format!("--{flag}={text}")],
    })
}

/// A list, a single value, or an object whose members become `name=value`.
fn items(name: &str, value: &Value) -> Result<Vec<String>, BundleError> {
    match value {
        Value::Array(list) if list.len() <= ITEMS_MAX => {
            list.iter().map(|item| scalar(name, item)).collect()
        }
        Value::Object(members) if members.len() <= ITEMS_MAX => members
            .iter()
            .map(|(key, value)| Ok(format!("{key}={}", scalar(name, value)?)))
            .collect(),
        Value::Array(_) | Value::Object(_) => Err(BundleError::Properties(format!(
            "BuildProperties {name} has more than {ITEMS_MAX} items"
        ))),
        _ => Ok(vec![scalar(name, value)?]),
    }
}

fn scalar(name: &str, value: &Value) -> Result<String, BundleError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(BundleError::Properties(format!(
            "BuildProperties {name} must be text, a number or a boolean, not {value}"
        ))),
    }
}

/// `EntryPoints` and `entry_points` to `entry-points`; `JSXFactory` to `jsx-factory`.
fn kebab(name: &str) -> String {
    let mut flag = String::new();
    let characters: Vec<char> = name.chars().collect();
    for (at, character) in characters.iter().enumerate() {
        let after_lower = at > 0 && characters[at - 1].is_lowercase();
        let before_lower = at > 0
            && characters[at - 1] != '_'
            && characters
                .get(at + 1)
                .is_some_and(|next| next.is_lowercase());
        if character.is_uppercase() && (after_lower || before_lower) {
            flag.push('-');
        }
        flag.push(if *character == '_' {
            '-'
        } else {
            character.to_ascii_lowercase()
        });
    }
    flag
}

/// Flags the build owns: where files go, what is reported, and what would never return.
const SET_BY_BUILD: [&str; 13] = [
    "bundle",
    "platform",
    "outdir",
    "outfile",
    "outbase",
    "metafile",
    "watch",
    "serve",
    "servedir",
    "log-level",
    "log-limit",
    "color",
    "allow-overwrite",
];
/// Flags written `--name:item`, once an item.
const KEYED: [&str; 10] = [
    "external",
    "loader",
    "banner",
    "footer",
    "define",
    "out-extension",
    "alias",
    "drop",
    "pure",
    "inject",
];
/// Flags written `--name=a,b`.
const JOINED: [&str; 5] = [
    "main-fields",
    "target",
    "conditions",
    "resolve-extensions",
    "drop-labels",
];
/// Flags whose `true` or `false` must be written out.
const WITH_VALUE: [&str; 2] = ["sources-content", "tree-shaking"];
/// Items of one property.
const ITEMS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn properties_become_flags_in_both_spellings() {
        let pascal = BuildProperties::parse(&json!({
            "EntryPoints": ["app.ts"], "Minify": true, "KeepNames": false, "Target": "es2022", "Sourcemap": true,
            "SourcesContent": false, "TreeShaking": true, "External": ["@aws-sdk/*", "pg"], "Loader": [".png=dataurl"],
            "Define": {"A": "1"}, "MainFields": ["module", "main"], "OutExtension": [".js=.mjs"], "Format": "esm",
            "Banner": {"js": "x"}, "UseNpmCi": true,
        }))
        .expect("valid");
        expect_test::expect![[r#"
            [
                "--minify",
                "--target=es2022",
                "--sourcemap",
                "--sources-content=false",
                "--tree-shaking=true",
                "--external:@aws-sdk/*",
                "--external:pg",
                "--loader:.png=dataurl",
                "--define:A=1",
                "--main-fields=module,main",
                "--out-extension:.js=.mjs",
                "--format=esm",
                "--banner:js=x",
            ]
        "#]]
        .assert_debug_eq(&pascal.flags());
        assert!(pascal.is_esm());
        let snake = BuildProperties::parse(
            &json!({"entry_points": ["a.ts"], "keep_names": true, "legal_comments": "none"}),
        );
        let snake = snake.expect("valid");
        assert_eq!(
            snake.flags(),
            [
                "--keep-names",
                "--legal-comments=none",
                "--target=es2020",
                "--format=cjs"
            ]
        );
    }

    #[test]
    fn wrong_properties_are_named() {
        let error = |value: Value| {
            BuildProperties::parse(&value)
                .expect_err("invalid")
                .to_string()
        };
        assert_eq!(
            error(json!({})),
            "BuildProperties needs EntryPoints with at least one file"
        );
        assert_eq!(
            error(json!({"EntryPoints": ["a"], "Outdir": "x"})),
            "BuildProperties Outdir is set by the build itself"
        );
        assert!(error(json!({"EntryPoints": ["a"], "Minify": {}})).contains("Minify must be text"));
        assert!(error(json!([])).contains("must be an object"));
    }
}
