//! Access keys: those that a server takes, and the one that this program signs with. Both are files of the form that
//! AWS's own tools have: `[name]`, then `aws_access_key_id` and `aws_secret_access_key`.
//!
//! Source: "Shared config and credentials files", AWS SDKs and Tools reference guide.

use std::{env, fs, path::Path, path::PathBuf};

use anyhow::bail;
use stepwell_api::sigv4::Credentials;

use crate::{configuration::page, embedded::AccessKey};

/// A section of the file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Profile {
    name: String,
    /// Of its heading, from 1.
    line: usize,
    id: Option<String>,
    secret: Option<String>,
    token: Option<String>,
}

/// The keys of the users that a server takes.
///
/// - Two keys of one user, for the time in which they are changed, are two sections: `[alice]` and `[alice 2]`.
/// - Errors: name the file, the line and what is wrong there; never a secret.
pub fn access_keys(path: &Path) -> anyhow::Result<Vec<AccessKey>> {
    let text = page(path)?;
    warn_of_readers(path);
    keys_of(&text, &path.to_string_lossy())
}

/// - `shown`: the file's name in errors.
fn keys_of(text: &str, shown: &str) -> anyhow::Result<Vec<AccessKey>> {
    let profiles =
        profiles(text).map_err(|(line, reason)| anyhow::anyhow!("{shown}:{line}: {reason}"))?;
    let mut keys = Vec::new();
    for profile in profiles {
        let Profile {
            name,
            line,
            id,
            secret,
            token,
        } = profile;
        let (Some(id), Some(secret)) = (id, secret) else {
            bail!("{shown}:{line}: [{name}] needs aws_access_key_id and aws_secret_access_key");
        };
        if token.is_some() {
            bail!("{shown}:{line}: [{name}] has a session token: temporary keys are not a user's");
        }
        let user = name.split(' ').next().unwrap_or_default().to_owned();
        let key = AccessKey { user, id, secret };
        key.check()
            .map_err(|reason| anyhow::anyhow!("{shown}:{line}: {reason}"))?;
        if keys.iter().any(|other: &AccessKey| other.id == key.id) {
            bail!("{shown}:{line}: the access key {} is there twice", key.id);
        }
        keys.push(key);
    }
    if keys.is_empty() {
        bail!("{shown} has no access key: `stepwell access-key NAME >> {shown}` makes one");
    }
    Ok(keys)
}

/// What calls of this program are signed with: the variables of AWS's tools, else the profile `AWS_PROFILE` of their
/// file. Without any, calls are not signed; a server that wants signatures then says so.
pub fn of_environment() -> Option<Credentials> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(id), Some(secret)) = (
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
    ) {
        return Some(Credentials {
            access_key_id: id,
            secret_access_key: secret,
            session_token: variable("AWS_SESSION_TOKEN"),
        });
    }
    let path = match variable("AWS_SHARED_CREDENTIALS_FILE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(variable("HOME")?).join(".aws/credentials"),
    };
    let wanted = variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    let profiles = profiles(&page(&path).ok()?).ok()?;
    let found = profiles
        .into_iter()
        .find(|profile| profile.name == wanted)?;
    Some(Credentials {
        access_key_id: found.id?,
        secret_access_key: found.secret?,
        session_token: found.token,
    })
}

/// A new key, as a section of such a file.
pub fn section(key: &AccessKey) -> String {
    let AccessKey { user, id, secret } = key;
    format!("[{user}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
}

#[cfg(unix)]
fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = fs::metadata(path) else {
        return;
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        let shown = path.display();
        eprintln!("warning: others may read {shown}, which holds secrets: chmod 600 {shown}");
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_path: &Path) {}

/// The sections of a file; keys that are none of these three are other tools' and are left alone.
fn profiles(text: &str) -> Result<Vec<Profile>, (usize, String)> {
    let mut found: Vec<Profile> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let name = name.trim().to_owned();
            if found.iter().any(|profile| profile.name == name) {
                return Err((number, format!("[{name}] is there twice")));
            }
            found.push(Profile {
                name,
                line: number,
                ..Profile::default()
            });
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            let reason = "this is neither [NAME] nor NAME = VALUE".to_owned();
            return Err((number, reason));
        };
        let Some(profile) = found.last_mut() else {
            let reason = "a value stands before the first [NAME]".to_owned();
            return Err((number, reason));
        };
        let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        match name.trim() {
            "aws_access_key_id" => profile.id = value,
            "aws_secret_access_key" => profile.secret = value,
            "aws_session_token" => profile.token = value,
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn told(text: &str) -> String {
        match keys_of(text, "keys") {
            Ok(keys) => format!("{keys:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_file_of_aws_tools_is_a_file_of_keys() {
        let text = format!(
            "# people\n[alice]\naws_access_key_id = {ID}\naws_secret_access_key={SECRET}\nregion = us-east-1\n\n\
             [alice 2]\naws_access_key_id = AKIA2222222222222222\naws_secret_access_key = {SECRET}\n"
        );
        assert_eq!(
            told(&text),
            "[AccessKey(AKIAIOSFODNN7EXAMPLE of alice), AccessKey(AKIA2222222222222222 of alice)]"
        );
    }

    #[test]
    fn what_is_no_key_is_told_with_its_line_and_without_its_secret() {
        let section = format!("[bob]\naws_access_key_id = {ID}\naws_secret_access_key = ");
        for (text, said) in [
            (
                String::new(),
                "keys has no access key: `stepwell access-key NAME >> keys` makes one",
            ),
            (
                "a = b".to_owned(),
                "keys:1: a value stands before the first [NAME]",
            ),
            (
                "[bob]\nnonsense".to_owned(),
                "keys:2: this is neither [NAME] nor NAME = VALUE",
            ),
            (
                "\n[bob]".to_owned(),
                "keys:2: [bob] needs aws_access_key_id and aws_secret_access_key",
            ),
            (
                format!("{section}short-secret-1"),
                "keys:1: the secret of AKIAIOSFODNN7EXAMPLE has 14 characters, at least 16 are needed",
            ),
            (
                format!("{section}{SECRET}\n[bob]"),
                "keys:4: [bob] is there twice",
            ),
            (
                format!(
                    "{section}{SECRET}\n{}{SECRET}",
                    section.replace("bob", "eve")
                ),
                "keys:4: the access key AKIAIOSFODNN7EXAMPLE is there twice",
            ),
            (
                format!("{section}{SECRET}\naws_session_token = t"),
                "keys:1: [bob] has a session token: temporary keys are not a user's",
            ),
            (
                format!("{section}{SECRET}").replace("[bob]", "[bob/root]"),
                "keys:1: the user name 'bob/root' is not 1 to 64 letters, digits and _+=,.@-",
            ),
            (
                format!("{section}{SECRET}").replace(ID, "short"),
                "keys:1: the access key id 'short' of bob is not 16 to 128 letters and digits",
            ),
        ] {
            assert_eq!(told(&text), said);
        }
    }

    #[test]
    fn a_new_key_is_a_section_that_is_taken() {
        let (one, other) = (AccessKey::new("alice"), AccessKey::new("bob"));
        assert_ne!(one.id, other.id);
        let text = section(&one) + &section(&other);
        assert!(told(&text).contains("of alice"), "{text}");
    }
}
