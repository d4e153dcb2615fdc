//! The rules a single file must hold.

use super::Finding;

/// Longest file, in lines; from the first on it is a warning.
const LINES_LONG: usize = 600;
const LINES_MAX: usize = 800;

/// Names that say nothing about what a file is.
const NAMES_FORBIDDEN: [&str; 14] = [
    "manager",
    "managers",
    "helper",
    "helpers",
    "util",
    "utils",
    "common",
    "base",
    "core",
    "misc",
    "data",
    "info",
    "handle_event",
    "types",
];

/// What only an unfinished program contains.
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// What every crate says about itself at the top of its root file.
const HEAD: [&str; 3] = ["Lives here:", "Never here:", "Read first:"];

const DETERMINISTIC: &[&str] = &["asl", "engine", "service", "gateway"];
const PURE: &[&str] = &["asl", "engine", "service", "api", "template", "gateway"];

struct Ban {
    word: &'static str,
    crates: &'static [&'static str],
    reason: &'static str,
}

const fn ban(word: &'static str, crates: &'static [&'static str], reason: &'static str) -> Ban {
    Ban {
        word,
        crates,
        reason,
    }
}

const BANS: [Ban; 17] = [
    ban("SystemTime", PURE, "time is an argument"),
    ban("Instant", PURE, "time is an argument"),
    ban("std::env", PURE, "configuration is an argument"),
    ban("std::thread", PURE, "threads belong to the server"),
    ban("std::net", DETERMINISTIC, "sockets belong to the server"),
    ban("TcpListener", PURE, "sockets belong to the server"),
    ban("TcpStream", PURE, "sockets belong to the server"),
    ban("UdpSocket", PURE, "sockets belong to the server"),
    ban("std::fs", PURE, "files belong to store and server"),
    ban("std::process", PURE, "processes belong to functions"),
    ban(
        "HashMap",
        DETERMINISTIC,
        "its order differs from run to run; use BTreeMap",
    ),
    ban(
        "HashSet",
        DETERMINISTIC,
        "its order differs from run to run; use BTreeSet",
    ),
    ban("rand", DETERMINISTIC, "entropy is an argument"),
    ban("getrandom", DETERMINISTIC, "entropy is an argument"),
    ban("tokio", PURE, "no runtime below the shell"),
    ban("async", PURE, "no async below server and functions"),
    ban("await", PURE, "no async below server and functions"),
];

/// Calls and types that a crate must not use.
pub fn banned(krate: &str, file: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in code.lines().enumerate() {
        for ban in BANS.iter().filter(|ban| ban.crates.contains(&krate)) {
            if has_path(text, ban.word) {
                findings.push(banned_at(krate, file, line + 1, ban));
            }
        }
    }
    // `use std::{env, fs};` names the same modules.
    for (at, _) in code.match_indices("use std::{") {
        let line = 1 + code[..at].matches('\n').count();
        let group = &code[at + "use std::{".len()..];
        let group = &group[..group.find(';').unwrap_or(group.len())];
        for ban in BANS.iter().filter(|ban| ban.crates.contains(&krate)) {
            if let Some(module) = ban.word.strip_prefix("std::")
                && has_path(group, module)
            {
                findings.push(banned_at(krate, file, line, ban));
            }
        }
    }
    findings
}

fn banned_at(krate: &str, file: &str, line: usize, ban: &Ban) -> Finding {
    let reason = format!("{} is not for {krate}: {}", ban.word, ban.reason);
    Finding {
        file: file.to_owned(),
        line,
        rule: "banned call",
        reason,
    }
}

/// Whether the words occur and are not part of longer words.
fn has_path(text: &str, path: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(path).any(|(at, _)| {
        !text[..at].ends_with(in_word) && !text[at + path.len()..].starts_with(in_word)
    })
}

/// Macros that mark unfinished work.
pub fn unfinished(file: &str, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in code.lines().enumerate() {
        for name in UNFINISHED {
            let word = name.trim_end_matches('!');
            if has_path(text, word) && text.contains(name) {
                let reason = format!("{name} must not be committed");
                findings.push(Finding {
                    file: file.to_owned(),
                    line: line + 1,
                    rule: "unfinished",
                    reason,
                });
            }
        }
    }
    findings
}

/// The head of a crate's root file.
pub fn head(file: &str, text: &str) -> Vec<Finding> {
    let head: String = text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .collect();
    let missing = HEAD.iter().filter(|words| !head.contains(*words));
    let finding = |words| {
        let reason = format!("the head of the crate lacks '{words}'");
        Finding {
            file: file.to_owned(),
            line: 1,
            rule: "crate head",
            reason,
        }
    };
    missing.map(finding).collect()
}

/// How a file's length breaks the bounds.
pub enum Length {
    /// Still allowed.
    Long(Finding),
    /// Not allowed.
    TooLong(Finding),
}

pub fn length(file: &str, text: &str) -> Option<Length> {
    let lines = text.lines().count();
    let finding = |bound| {
        let reason = format!("{lines} lines, of at most {bound}; split it by meaning");
        Finding {
            file: file.to_owned(),
            line: bound + 1,
            rule: "file length",
            reason,
        }
    };
    if lines > LINES_MAX {
        Some(Length::TooLong(finding(LINES_MAX)))
    } else if lines > LINES_LONG {
        Some(Length::Long(finding(LINES_LONG)))
    } else {
        None
    }
}

/// Names of the file and its folders.
pub fn names(file: &str, inside: &str) -> Vec<Finding> {
    let says_nothing = |name: &&str| {
        NAMES_FORBIDDEN.contains(name)
            || name.starts_with("do_")
            || (name.starts_with("new_") && name.ends_with('2'))
    };
    let finding = |name: &str| Finding {
        file: file.to_owned(),
        line: 1,
        rule: "file name",
        reason: format!("'{name}' says nothing; name the file after what it is about"),
    };
    inside
        .split('/')
        .map(|name| name.trim_end_matches(".rs"))
        .filter(says_nothing)
        .map(finding)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Length, banned, head, length, names, unfinished};

    fn banned_words(krate: &str, code: &str) -> Vec<(usize, String)> {
        let findings = banned(krate, "f.rs", code);
        findings.into_iter().map(|f| (f.line, f.reason)).collect()
    }

    #[test]
    fn a_deterministic_crate_has_no_clock_entropy_or_unordered_map() {
        let code =
            "use std::time::Instant;\nlet m: HashMap<u8, u8>;\nrand::random();\nasync fn f()";
        assert_eq!(
            banned_words("engine", code),
            [
                (
                    1,
                    "Instant is not for engine: time is an argument".to_owned()
                ),
                (
                    2,
                    "HashMap is not for engine: its order differs from run to run; use BTreeMap"
                        .to_owned()
                ),
                (
                    3,
                    "rand is not for engine: entropy is an argument".to_owned()
                ),
                (
                    4,
                    "async is not for engine: no async below server and functions".to_owned()
                ),
            ]
        );
        assert!(banned_words("server", code).is_empty());
    }

    #[test]
    fn a_word_inside_a_longer_word_is_no_call() {
        assert!(banned_words("asl", "let operand = Instantiation::new(); is_async()").is_empty());
    }

    #[test]
    fn a_grouped_import_is_seen() {
        assert_eq!(
            banned_words("asl", "mod a;\nuse std::{\n    fmt,\n    fs::File,\n};\n"),
            [(
                2,
                "std::fs is not for asl: files belong to store and server".to_owned()
            )]
        );
    }

    #[test]
    fn unfinished_work_is_found_by_line() {
        let findings = unfinished("f.rs", "fn a() {}\nfn b() { todo!() }\nlet todo = 1;");
        assert_eq!(findings.len(), 1);
        assert_eq!(
            findings[0].to_string(),
            "f.rs:2: unfinished: todo! must not be committed"
        );
    }

    #[test]
    fn a_crate_head_needs_all_three_words() {
        assert!(
            head(
                "lib.rs",
                "//! Lives here: x.\n//! Never here: y.\n//! Read first: z.\n"
            )
            .is_empty()
        );
        let findings = head("lib.rs", "//! Lives here: x.\nmod a; // Never here:\n");
        assert_eq!(findings.len(), 2);
        assert!(findings[0].reason.contains("'Never here:'"));
    }

    #[test]
    fn long_files_warn_and_longer_ones_fail() {
        let text = |lines| "x\n".repeat(lines);
        assert!(length("f", &text(600)).is_none());
        assert!(matches!(length("f", &text(601)), Some(Length::Long(_))));
        assert!(matches!(length("f", &text(801)), Some(Length::TooLong(_))));
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        for inside in [
            "util.rs",
            "a/helpers/b.rs",
            "core/mod.rs",
            "do_work.rs",
            "new_store2.rs",
        ] {
            assert_eq!(names("f", inside).len(), 1, "{inside}");
        }
        assert!(names("f", "retry.rs").is_empty() && names("f", "process.rs").is_empty());
    }
}
