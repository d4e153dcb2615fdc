//! Packages of Debian that tests need.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::plain;

/// Installs a package, or says what is missing.
///
/// - Errors: this is no Debian, the user is not root, or the package is not to be had; each says what to do.
pub fn install(package: &str) -> Result<()> {
    let advice = format!("apt-get install {package}");
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !Path::new("/usr/bin/apt-get").is_file() || !is_root {
        bail!("{package} is missing: {advice}");
    }
    println!("installing {package}");
    let install = [
        "install",
        "-qq",
        "--yes",
        "--no-install-recommends",
        package,
    ];
    apt(&install, Path::new("/"))
        .with_context(|| format!("cannot install {package}; try: {advice}"))
}

/// Unpacks a package below `folder`, which needs no root.
///
/// - Errors: this is no Debian, or the package is not to be had.
pub fn unpack(package: &str, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    apt(&["download", "-qq", package], folder)?;
    let file: PathBuf = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .with_context(|| format!("{package} was downloaded, and no file is there"))?;
    let mut extract = Command::new("dpkg-deb");
    extract.arg("--extract").arg(&file).arg(folder);
    plain(extract)?;
    std::fs::remove_file(&file)?;
    Ok(())
}

/// Runs apt-get; once more after an update, for its lists of packages may be old, or not there at all.
fn apt(arguments: &[&str], folder: &Path) -> Result<()> {
    let run = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .current_dir(folder)
            .env("DEBIAN_FRONTEND", "noninteractive");
        plain(command)
    };
    run(arguments)
        .or_else(|_| run(&["update", "-qq"]).and_then(|_| run(arguments)))
        .map(drop)
}
