//! The arrows between our crates, held against the table of the design.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::{Finding, relative};
use crate::root;

/// Which of our crates a crate may use; see ARCHITECTURE.md. `stepwell` may use `functions`: building a package is done where files are.
const TABLE: [(&str, &[&str]); 14] = [
    ("api", &[]),
    ("asl", &[]),
    ("engine", &["asl"]),
    ("functions", &[]),
    ("fuzz", &["asl", "api", "gateway", "telemetry"]),
    ("gateway", &[]),
    ("integrations", &["api"]),
    (
        "server",
        &[
            "service",
            "functions",
            "gateway",
            "integrations",
            "telemetry",
            "api",
            "store",
        ],
    ),
    ("service", &["engine", "store", "api"]),
    ("sim", &["service", "engine", "asl", "store", "api"]),
    ("stepwell", &["server", "template", "api", "functions"]),
    ("store", &[]),
    ("telemetry", &["api", "store"]),
    ("template", &[]),
];

const PREFIX: &str = "stepwell-";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
}

/// Crates and arrows that the table does not have.
pub fn findings() -> Result<Vec<Finding>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    Ok(check(&metadata, |manifest| {
        std::fs::read_to_string(manifest).unwrap_or_default()
    }))
}

fn check(metadata: &Metadata, manifest_text: impl Fn(&str) -> String) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.name != "xtask")
    {
        let file = relative(package.manifest_path.as_ref());
        let text = manifest_text(&package.manifest_path);
        let krate = package.name.strip_prefix(PREFIX).unwrap_or(&package.name);
        let folder = format!("crates/{krate}/Cargo.toml");
        let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == krate) else {
            let reason = format!("the crate {krate} is not in the table of crates");
            findings.push(Finding {
                file,
                line: 1,
                rule: "crate graph",
                reason,
            });
            continue;
        };
        if !file.ends_with(&folder) {
            let reason = format!("the package {} must be at {folder}", package.name);
            findings.push(Finding {
                file: file.clone(),
                line: 1,
                rule: "crate graph",
                reason,
            });
        }
        for dependency in &package.dependencies {
            let ours = match dependency.name.strip_prefix(PREFIX) {
                Some(ours) => ours,
                None if matches!(dependency.name.as_str(), "stepwell" | "xtask") => {
                    &dependency.name
                }
                None => continue,
            };
            if !allowed.contains(&ours) {
                let reason = format!(
                    "{krate} may not use {ours}; it may use {}",
                    if allowed.is_empty() {
                        "none of our crates".to_owned()
                    } else {
                        allowed.join(", ")
                    }
                );
                let line = line_of(&text, &dependency.name);
                findings.push(Finding {
                    file: file.clone(),
                    line,
                    rule: "crate graph",
                    reason,
                });
            }
        }
    }
    findings
}

fn line_of(manifest: &str, dependency: &str) -> usize {
    let names_it = |line: &str| {
        line.strip_prefix(dependency)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest.lines().position(names_it).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::{Dependency, Metadata, Package, check};

    fn findings(package: &str, folder: &str, dependencies: &[&str]) -> Vec<String> {
        let dependencies: Vec<Dependency> = dependencies
            .iter()
            .map(|name| Dependency {
                name: (*name).to_owned(),
            })
            .collect();
        let manifest_path = format!("crates/{folder}/Cargo.toml");
        let package = Package {
            name: package.to_owned(),
            manifest_path,
            dependencies,
        };
        let text = "[dependencies]\nserde = \"1\"\nstepwell-service = \"0\"\n";
        let findings = check(
            &Metadata {
                packages: vec![package],
            },
            |_| text.to_owned(),
        );
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_of_the_table_is_allowed() {
        assert!(findings("stepwell-engine", "engine", &["stepwell-asl", "serde"]).is_empty());
        assert!(findings("stepwell", "stepwell", &["stepwell-functions"]).is_empty());
    }

    #[test]
    fn an_arrow_outside_the_table_is_named_with_its_line() {
        assert_eq!(
            findings("stepwell-engine", "engine", &["stepwell-service"]),
            ["crates/engine/Cargo.toml:3: crate graph: engine may not use service; it may use asl"]
        );
        assert_eq!(
            findings("stepwell-api", "api", &["stepwell"]),
            [
                "crates/api/Cargo.toml:1: crate graph: api may not use stepwell; it may use none of \
              our crates"
            ]
        );
    }

    #[test]
    fn a_crate_outside_the_table_or_its_folder_is_named() {
        assert!(findings("stepwell-extra", "extra", &[])[0].contains("extra is not in the table"));
        assert!(findings("stepwell-api", "wire", &[])[0].contains("must be at crates/api"));
    }
}
