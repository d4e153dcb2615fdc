//! Variables of functions from files beside the template: `.env`, `.env.local`, and one in the format of `sam local`.
//!
//! The template comes first: what it sets is what AWS would set. `.env` fills what it leaves open. Only a file that is
//! named on the command line (`--env-vars`) replaces what the template sets, as it does for `sam local invoke`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use crate::plan::Application;

/// The files of an application's directory; a later one wins.
const FILES: [&str; 2] = [".env", ".env.local"];
/// AWS: a function has at most 4 KB of variables; a file of them for several functions is not much longer.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Where variables come from.
pub struct Variables {
    directory: PathBuf,
    /// In the format of `sam local invoke --env-vars`.
    named: Option<PathBuf>,
}

/// What the files say.
#[derive(Debug, Default, PartialEq)]
pub struct Values {
    /// Of all functions.
    general: BTreeMap<String, String>,
    /// By logical id or name, and `Parameters` for all.
    named: Map<String, Value>,
}

impl Variables {
    pub fn of_application(directory: &Path, named: Option<&Path>) -> Self {
        let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Self {
            directory: absolute(directory),
            named: named.map(absolute),
        }
    }

    /// The files, whether they are there or not.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        FILES
            .iter()
            .map(|name| self.directory.join(name))
            .chain(self.named.clone())
            .collect()
    }

    /// Fails with what is wrong, with file and line.
    pub fn read(&self) -> Result<Values, String> {
        let mut values = Values::default();
        for path in FILES.iter().map(|name| self.directory.join(name)) {
            if path.is_file() {
                let text = read_bounded(&path)?;
                let read = parse(&text)
                    .map_err(|(line, reason)| format!("{}:{line}: {reason}", path.display()))?;
                values.general.extend(read);
            }
        }
        if let Some(path) = &self.named {
            let text = read_bounded(path)?;
            values.named = serde_json::from_str(&text)
                .map_err(|reason| format!("{}: {reason}", path.display()))?;
        }
        Ok(values)
    }
}

impl Values {
    /// Gives the functions of an application their variables.
    pub fn apply(&self, application: &mut Application) {
        for function in &mut application.functions {
            let ids = [
                "Parameters",
                function.logical_id.as_str(),
                function.name.as_str(),
            ];
            let environment = function
                .configuration
                .entry("Environment")
                .or_insert_with(|| json!({ "Variables": {} }));
            let Some(variables) = environment
                .get_mut("Variables")
                .and_then(Value::as_object_mut)
            else {
                continue;
            };
            // As `sam local` does: only what the template declares.
            for id in ids {
                for (name, value) in self
                    .named
                    .get(id)
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                {
                    if let Some(declared) = variables.get_mut(name) {
                        *declared = json!(text(value));
                    }
                }
            }
            for (name, value) in &self.general {
                let is_open = variables
                    .get(name)
                    .is_none_or(|declared| declared.as_str() == Some(""));
                if is_open && is_of_functions(name) {
                    variables.insert(name.clone(), json!(value));
                }
            }
        }
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a function may have a variable of this name from a file that other tools read too.
///
/// AWS reserves some names, and credentials of a person are none of a function's business.
fn is_of_functions(name: &str) -> bool {
    let is_endpoint = name.starts_with("AWS_ENDPOINT_URL_");
    let is_reserved = name.starts_with("AWS_") || name.starts_with("LAMBDA_");
    let is_name = name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_');
    is_name && (is_endpoint || !is_reserved)
}

/// `NAME=VALUE` a line, as the field writes it: `export`, quotes, and comments are understood.
fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut found = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err((number, "a line is NAME=VALUE".to_owned()));
        };
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err((number, format!("{name:?} is not the name of a variable")));
        }
        let value = unquoted(value.trim()).map_err(|reason| (number, reason))?;
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}

fn unquoted(value: &str) -> Result<String, String> {
    let Some(quote) = value
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))
    else {
        // A comment begins with a blank before its sign.
        let end = value.find(" #").unwrap_or(value.len());
        return Ok(value[..end].trim_end().to_owned());
    };
    let mut out = String::new();
    let mut rest = value[1..].chars();
    while let Some(character) = rest.next() {
        match character {
            ended if ended == quote => return Ok(out),
            '\\' if quote == '"' => match rest.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => break,
            },
            other => out.push(other),
        }
    }
    Err(format!("the value has no closing {quote}"))
}

fn read_bounded(path: &Path) -> Result<String, String> {
    let told = |reason: String| format!("{}: {reason}", path.display());
    let length = fs::metadata(path)
        .map_err(|reason| told(reason.to_string()))?
        .len();
    if length > FILE_BYTES_MAX {
        return Err(told(format!(
            "{length} bytes, at most {FILE_BYTES_MAX} are allowed"
        )));
    }
    fs::read_to_string(path).map_err(|reason| told(reason.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::Function;

    fn application(variables: Value) -> Application {
        let configuration = json!({ "Environment": { "Variables": variables } });
        Application {
            functions: vec![Function {
                logical_id: "Charge".to_owned(),
                name: "shop-Charge".to_owned(),
                arn: String::new(),
                configuration: configuration.as_object().cloned().unwrap_or_default(),
                package: Arc::new(Vec::new()),
                code_sha256: String::new(),
            }],
            ..Application::default()
        }
    }

    fn applied(general: &str, named: Value, template: Value) -> Value {
        let values = Values {
            general: parse(general).expect("it is right"),
            named: named.as_object().cloned().unwrap_or_default(),
        };
        let mut application = application(template);
        values.apply(&mut application);
        application.functions[0].configuration["Environment"]["Variables"].clone()
    }

    #[test]
    fn the_template_comes_first_and_a_file_fills_what_it_leaves_open() {
        assert_eq!(
            applied(
                "TABLE=mine\nAPI_KEY=secret\nMODE=debug\nAWS_SECRET_ACCESS_KEY=never\n",
                json!({}),
                json!({ "TABLE": "orders", "API_KEY": "" })
            ),
            json!({ "TABLE": "orders", "API_KEY": "secret", "MODE": "debug" })
        );
    }

    #[test]
    fn a_named_file_replaces_what_the_template_declares_and_adds_nothing() {
        assert_eq!(
            applied(
                "",
                json!({ "Parameters": { "TABLE": "all", "RETRIES": 3 }, "Charge": { "TABLE": "mine", "NEW": "no" }, "Other": { "TABLE": "other" } }),
                json!({ "TABLE": "orders", "RETRIES": "1" })
            ),
            json!({ "TABLE": "mine", "RETRIES": "3" })
        );
    }

    #[test]
    fn lines_are_read_as_the_field_writes_them() {
        let text = "# comment\n\nexport A=1\nB = two words # comment\nC=\"x\\ny # no comment\"\nD='$raw\\n'\nE=\nF=a#b\n";
        let read = parse(text).expect("it is right");
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "x\ny # no comment"),
            ("D", "$raw\\n"),
            ("E", ""),
            ("F", "a#b"),
        ];
        assert_eq!(
            read,
            expected
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );
        assert_eq!(
            parse("A=1\nnonsense\n"),
            Err((2, "a line is NAME=VALUE".to_owned()))
        );
        assert_eq!(
            parse("A=\"1\n"),
            Err((1, "the value has no closing \"".to_owned()))
        );
    }
}
