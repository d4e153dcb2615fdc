//! The catalogue of AWS service actions: what AWS SDK integrations may call, what comes back, what
//! goes in. Taken from the botocore package, packed for `api`; its names alone are packed for `asl`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::refresh::python_error;
use crate::root;

mod pack;
mod service;
mod text;

use service::Model;

/// The packed catalogue; `codegen` reads the names of actions from it.
const SERVICES: &str = "crates/api/src/catalogue/services.bin";
/// The names of services in requests and settings.
const NAMES: &str = "crates/api/src/services.txt";
/// The names of services and actions, for the parser of definitions.
const ACTIONS: &str = "crates/asl/src/definition/parse/actions.bin";

/// Prints the newest model of each service in the wheel of the folder `argv[1]`, one a line, without
/// its documentation texts.
const READ_MODELS: &str = "\
import glob, gzip, json, re, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])
newest = {}
for name in sorted(wheel.namelist()):
    model = re.match(r'botocore/data/([^/]+)/[^/]+/service-2[.]json(?:[.]gz)?$', name)
    if model:
        newest[model[1]] = name
def facts(pairs):
    return {key: value for key, value in pairs if key != 'documentation' or isinstance(value, dict)}
for name in newest.values():
    text = wheel.read(name)
    text = gzip.decompress(text) if name.endswith('.gz') else text
    print(json.dumps(json.loads(text, object_pairs_hook=facts)))
";

/// Services that left the SDK since AWS listed them as integrations. Their actions are not known
/// any more, so the parser takes every action of theirs rather than refuse what AWS takes.
const RETIRED: [&str; 34] = [
    "alexaforbusiness",
    "backupstorage",
    "codestar",
    "elasticinference",
    "elastictranscoder",
    "evidently",
    "finspace",
    "finspacedata",
    "gamesparks",
    "honeycode",
    "iot1clickdevices",
    "iot1clickprojects",
    "iotanalytics",
    "iotevents",
    "ioteventsdata",
    "iotfleethub",
    "iotroborunner",
    "lookoutmetrics",
    "lookoutvision",
    "macie",
    "mobile",
    "nimble",
    "opsworks",
    "opsworkscm",
    "panorama",
    "privatenetworks",
    "qldb",
    "qldbsession",
    "robomaker",
    "simspaceweaver",
    "sms",
    "timestream",
    "transcribestreaming",
    "worklink",
];

/// Takes the models of all services from the wheel in `folder` and packs them.
pub fn refresh(folder: &Path) -> Result<()> {
    let output = Command::new("python3")
        .args(["-c", READ_MODELS])
        .arg(folder)
        .output()
        .context("cannot run python3")?;
    ensure!(output.status.success(), python_error(&output));
    let mut services = BTreeMap::new();
    let mut names = BTreeSet::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let model: Model = serde_json::from_str(line)?;
        let name = model.integration_name();
        let text = text::write(&model).with_context(|| format!("the service {name}"))?;
        names.insert(model.names());
        // A service with two models in the package keeps the one that comes first.
        services.entry(name).or_insert(text);
    }
    let path = root().join(SERVICES);
    std::fs::write(&path, pack::pack(&services))?;
    println!("wrote {}", path.display());
    let path = root().join(NAMES);
    std::fs::write(&path, names.into_iter().collect::<String>())?;
    println!("wrote {}", path.display());
    Ok(())
}

/// The names for the parser, as the packed catalogue gives them.
pub fn actions() -> Result<(PathBuf, Vec<u8>)> {
    let path = root().join(SERVICES);
    let packed = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut names: BTreeMap<String, String> = pack::unpack(&packed)?
        .into_iter()
        .map(|(service, text)| (service, text::action_names(&text)))
        .collect();
    for service in RETIRED {
        let known = names.insert(service.to_owned(), String::new());
        ensure!(known.is_none(), "{service} is not retired");
    }
    Ok((root().join(ACTIONS), pack::pack(&names)))
}
