//! Takes the facts of the public service models from the botocore package: names, types,
//! constraints, errors and bindings. Its documentation texts are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

use super::{SERVICES, Service, catalogue};
use crate::root;

/// Version of the package that the committed models come from.
const BOTOCORE: &str = "1.44.5";

/// Prints one model of the wheel in the folder `argv[1]`; `argv[2]` names the service's folder.
const READ_MODEL: &str = "\
import glob, gzip, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + '/*.whl')[0])
name = 'botocore/data/' + sys.argv[2] + '/service-2.json'
packed = name + '.gz' in wheel.namelist()
text = gzip.decompress(wheel.read(name + '.gz')) if packed else wheel.read(name)
sys.stdout.buffer.write(text)
";

/// Writes `model/*.json` and the catalogue of service actions.
pub fn run() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("stepwell-codegen-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = run_in(&folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn run_in(folder: &Path) -> Result<()> {
    let package = format!("botocore=={BOTOCORE}");
    let status = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            &package,
            "-d",
        ])
        .arg(folder)
        .status()
        .context("cannot run python3")?;
    ensure!(status.success(), "pip cannot download {package}: {status}");
    for service in &SERVICES {
        let output = Command::new("python3")
            .args(["-c", READ_MODEL])
            .arg(folder)
            .arg(service.package_folder)
            .output()
            .context("cannot run python3")?;
        ensure!(output.status.success(), python_error(&output));
        let model: Value = serde_json::from_slice(&output.stdout)?;
        let facts = facts(service, &model)?;
        let path = root().join("model").join(format!("{}.json", service.model));
        std::fs::write(&path, serde_json::to_string_pretty(&facts)? + "\n")?;
        println!("wrote {}", path.display());
    }
    catalogue::refresh(folder)
}

/// What Python said when it failed to read the package.
pub fn python_error(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    format!("cannot read the botocore package: {said}")
}

fn facts(service: &Service, model: &Value) -> Result<Value> {
    let operations = object(model, "operations")?;
    let all_shapes = object(model, "shapes")?;
    let mut kept = BTreeSet::new();
    let mut sorted = BTreeMap::new();
    for (name, operation) in operations {
        let served = service.served.is_empty() || service.served.contains(&name.as_str());
        sorted.insert(name, operation_facts(operation, served)?);
        if served {
            for key in ["input", "output"] {
                if let Some(shape) = operation[key]["shape"].as_str() {
                    reach(all_shapes, shape, &mut kept)?;
                }
            }
            for error in operation["errors"].as_array().into_iter().flatten() {
                let shape = error["shape"].as_str().context("an error without shape")?;
                reach(all_shapes, shape, &mut kept)?;
            }
        }
    }
    for name in service.served {
        ensure!(
            operations.contains_key(*name),
            "the model has no operation {name}"
        );
    }
    let shapes: BTreeMap<&String, Value> = kept
        .iter()
        .map(|name| (name, shape_facts(&all_shapes[name.as_str()])))
        .collect();
    let metadata = object(model, "metadata")?;
    let metadata: BTreeMap<&String, &Value> = metadata.iter().collect();
    Ok(json!({
        "source": format!("botocore {BOTOCORE}"),
        "metadata": metadata,
        "operations": sorted,
        "shapes": shapes,
    }))
}

fn operation_facts(operation: &Value, served: bool) -> Result<Value> {
    let http = object(operation, "http")?;
    let mut facts = Map::new();
    facts.insert(
        "http".to_owned(),
        copied(http, &["method", "requestUri", "responseCode"]),
    );
    if let Some(prefix) = operation["endpoint"].get("hostPrefix") {
        facts.insert("hostPrefix".to_owned(), prefix.clone());
    }
    if served {
        for key in ["input", "output"] {
            if let Some(shape) = operation[key].get("shape") {
                facts.insert(key.to_owned(), shape.clone());
            }
        }
        let errors = operation["errors"].as_array().into_iter().flatten();
        let errors: BTreeSet<&str> = errors.filter_map(|error| error["shape"].as_str()).collect();
        facts.insert("errors".to_owned(), json!(errors));
    }
    Ok(Value::Object(facts))
}

fn shape_facts(shape: &Value) -> Value {
    let Value::Object(shape) = shape else {
        return Value::Null;
    };
    let plain = [
        "type",
        "required",
        "min",
        "max",
        "pattern",
        "enum",
        "sensitive",
        "payload",
        "exception",
    ];
    let Value::Object(mut facts) = copied(shape, &plain) else {
        return Value::Null;
    };
    for key in ["member", "key", "value"] {
        if let Some(target) = shape.get(key).and_then(|element| element.get("shape")) {
            facts.insert(key.to_owned(), target.clone());
        }
    }
    if let Some(status) = shape
        .get("error")
        .and_then(|error| error.get("httpStatusCode"))
    {
        facts.insert("httpStatusCode".to_owned(), status.clone());
    }
    if let Some(code) = shape.get("error").and_then(|error| error.get("code")) {
        facts.insert("errorCode".to_owned(), code.clone());
    }
    if let Some(Value::Object(members)) = shape.get("members") {
        let members = members.iter().filter_map(|(name, member)| {
            let member = copied(member.as_object()?, &["shape", "location", "locationName"]);
            Some((name.clone(), member))
        });
        facts.insert("members".to_owned(), Value::Object(members.collect()));
    }
    Value::Object(facts)
}

fn copied(from: &Map<String, Value>, keys: &[&str]) -> Value {
    let pairs = keys
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), from.get(*key)?.clone())));
    Value::Object(pairs.collect())
}

fn reach(shapes: &Map<String, Value>, name: &str, kept: &mut BTreeSet<String>) -> Result<()> {
    if !kept.insert(name.to_owned()) {
        return Ok(());
    }
    let shape = shapes
        .get(name)
        .with_context(|| format!("the model has no shape {name}"))?;
    let elements = ["member", "key", "value"]
        .iter()
        .filter_map(|key| shape.get(*key));
    let members = shape["members"]
        .as_object()
        .into_iter()
        .flat_map(Map::values);
    for target in elements
        .chain(members)
        .filter_map(|target| target["shape"].as_str())
    {
        reach(shapes, target, kept)?;
    }
    Ok(())
}

fn object<'a>(value: &'a Value, key: &str) -> Result<&'a Map<String, Value>> {
    value[key]
        .as_object()
        .with_context(|| format!("the model has no object '{key}'"))
}
