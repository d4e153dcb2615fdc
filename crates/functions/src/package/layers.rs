//! Layers: packages that are unpacked over each other into the directory that a function knows as `/opt`.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Error, PackageSource, Packages, UNZIPPED_BYTES_MAX, Unpacked, hex};
use crate::configuration::{Configuration, PackageId};
use crate::invocation::InvokeError;

/// The code of a function, unpacked. While one of these lives its directories stay.
#[derive(Clone)]
pub(crate) struct Code {
    package: Arc<Unpacked>,
    layers: Option<Arc<Unpacked>>,
}

impl Code {
    /// The directory of the deployment package.
    pub(crate) fn task_root(&self) -> &Path {
        self.package.directory()
    }

    /// The directory of all layers together; `None` for a function without layers.
    pub(crate) fn opt(&self) -> Option<&Path> {
        self.layers.as_ref().map(|layers| layers.directory())
    }
}

impl Packages {
    /// Package and layers of a function, unpacking what is not there yet.
    pub(crate) async fn code(
        self: &Arc<Packages>,
        configuration: &Configuration,
        source: Arc<dyn PackageSource>,
    ) -> Result<Code, InvokeError> {
        let layers = if configuration.layers.is_empty() {
            None
        } else {
            Some(self.layers(&configuration.layers, &source).await?)
        };
        let package = self.get(&configuration.package, source).await?;
        Ok(Code { package, layers })
    }

    /// One directory for each distinct list of layers.
    async fn layers(
        self: &Arc<Packages>,
        layers: &[PackageId],
        source: &Arc<dyn PackageSource>,
    ) -> Result<Arc<Unpacked>, InvokeError> {
        let id = id_of(layers);
        if let Some(merged) = self.find(&id) {
            return Ok(merged);
        }
        let mut parts = Vec::new();
        for layer in layers {
            parts.push(self.get(layer, Arc::clone(source)).await?);
        }
        let (packages, wanted) = (Arc::clone(self), id.clone());
        self.in_turn(&id, move || {
            packages
                .make(&wanted, |directory| merge_all(&parts, directory))
                .map_err(|error| match error {
                    Error::Invalid(reason) => InvokeError::InvalidZipFile(reason),
                    Error::Io(error) => {
                        InvokeError::Service(format!("cannot unpack layers: {error}"))
                    }
                })
        })
        .await
    }
}

/// The name of a list of layers in the cache; of another form than that of any package's content.
fn id_of(layers: &[PackageId]) -> PackageId {
    let mut digest = Sha256::new();
    digest.update("layers, in this order:");
    for layer in layers {
        digest.update(layer.as_str());
    }
    PackageId::parse(&hex(&digest.finalize())).expect("a SHA-256 has 64 hexadecimal digits")
}

fn merge_all(parts: &[Arc<Unpacked>], into: &Path) -> Result<(), Error> {
    let mut left = UNZIPPED_BYTES_MAX;
    for part in parts {
        merge(part.directory(), into, &mut left)?;
    }
    Ok(())
}

/// Puts what `from` has over what `into` has. Files are shared, not copied: nobody writes to them.
fn merge(from: &Path, into: &Path, left: &mut u64) -> Result<(), Error> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), into.join(entry.file_name()));
        let metadata = fs::symlink_metadata(&source)?;
        let is_there = fs::symlink_metadata(&target);
        let is_directory_there = is_there.as_ref().is_ok_and(fs::Metadata::is_dir);
        if metadata.is_dir() {
            if is_there.is_ok() && !is_directory_there {
                fs::remove_file(&target)?;
            }
            fs::create_dir_all(&target)?;
            merge(&source, &target, left)?;
            continue;
        }
        match is_there {
            Ok(_) if is_directory_there => fs::remove_dir_all(&target)?,
            Ok(_) => fs::remove_file(&target)?,
            Err(_) => {}
        }
        if metadata.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
            continue;
        }
        *left = left.checked_sub(metadata.len()).ok_or_else(|| {
            Error::Invalid(format!(
                "the layers of a function have more than {UNZIPPED_BYTES_MAX} bytes unpacked"
            ))
        })?;
        share(&source, &target)?;
    }
    Ok(())
}

fn share(source: &Path, target: &Path) -> io::Result<()> {
    // Some file systems have no links between directories.
    fs::hard_link(source, target).or_else(|_| fs::copy(source, target).map(|_| ()))
}
