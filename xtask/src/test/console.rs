//! The console: its types, models and bundle; then journeys of a person in a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::clients::npm_ci;
use super::runner::run_and_summarise;
use super::{Patience, cargo, debian, plain, target_folder};
use crate::root;

/// Browsers that the journeys can be made with, the smallest first.
const BROWSERS: [&str; 3] = [
    "/usr/bin/chromium-headless-shell",
    "/usr/bin/chromium",
    "/usr/bin/google-chrome",
];

/// Debian's package of the first one.
const BROWSER_PACKAGE: &str = "chromium-headless-shell";

fn npm(arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments)
        .current_dir(root().join("console"))
        .env("NO_COLOR", "1");
    npm
}

/// Types, models, bundle and its budget. The binary that is built after this has the console in it.
pub fn build() -> Result<Vec<String>> {
    npm_ci(&root().join("console"))?;
    plain(npm(&["run", "--silent", "check"])).context("the console's types do not fit")?;
    let summary = run_and_summarise(npm(&["run", "--silent", "test"]))?;
    plain(npm(&["run", "--silent", "build", "--", "--no-check"]))
        .context("the console cannot be built")?;
    Ok(summary)
}

/// Journeys on the binary with the console in it.
pub fn journeys(stepwell: &Path, patience: Patience) -> Result<Vec<String>> {
    let browser = browser()?;
    let mut npm = npm(&["run", "--silent", "e2e"]);
    if patience == Patience::OnceMore {
        // Verbose: it names what it has run again.
        npm.args(["--", "--retry", "1", "--reporter", "verbose"]);
    }
    npm.env("STEPWELL_BIN", stepwell).env("CHROMIUM", browser);
    run_and_summarise(npm)
}

/// `cargo xtask screenshots`: pictures of every page, in both themes, at three widths.
pub fn screenshots() -> Result<()> {
    let browser = browser()?;
    let folder = root().join("console");
    if !folder.join("node_modules").is_dir() {
        npm_ci(&folder)?;
    }
    plain(npm(&["run", "--silent", "build"]))?;
    plain(cargo(&["build", "--package", "stepwell"]))?;
    let pictures = target_folder().join("screenshots");
    let mut npm = npm(&["run", "--silent", "screenshots"]);
    npm.env("STEPWELL_BIN", target_folder().join("debug/stepwell"))
        .env("CHROMIUM", browser)
        .env("SCREENSHOTS", &pictures);
    plain(npm)?;
    println!("pictures: {}", pictures.display());
    Ok(())
}

/// A browser; installs Debian's where there is none and this is allowed.
pub fn browser() -> Result<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let found = || {
        let places = BROWSERS.iter().map(PathBuf::from);
        places.into_iter().find(|path| path.is_file())
    };
    if let Some(browser) = named.or_else(found) {
        return Ok(browser);
    }
    debian::install(BROWSER_PACKAGE)?;
    found().with_context(|| format!("{BROWSER_PACKAGE} is installed, and no browser is there"))
}
