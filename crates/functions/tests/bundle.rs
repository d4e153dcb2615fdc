//! TypeScript through esbuild, then through a real environment.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use harness::World;
use serde_json::json;
use stepwell_functions::bundle::{
    BuildProperties, Built, BundleError, Installation, Project, Stop, bundle,
};
use stepwell_functions::package;

/// Files of a project in a directory of its own.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

/// esbuild is installed once for all tests, beside the test programs.
fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

fn build(
    directory: &Path,
    properties: &BuildProperties,
    handler: &str,
    out: &Path,
) -> Result<Built, BundleError> {
    let notices = Mutex::new(Vec::new());
    let notice = |text: &str| notices.lock().unwrap().push(text.to_owned());
    let project = Project {
        project_dir: directory,
        code_dir: directory,
        handler: Some(handler),
        cache_dir: &cache(),
        installs_dependencies: false,
        notice: &notice,
        installation: &Installation::default(),
        stop: &Stop::default(),
    };
    bundle(&project, properties, out)
}

#[tokio::test(flavor = "multi_thread")]
async fn enums_decorators_aliases_and_classes_run_and_traces_name_the_source() {
    let directory = project(&[
        (
            "tsconfig.json",
            r#"{"compilerOptions":{"experimentalDecorators":true,"baseUrl":".","paths":{"@shared/*":["src/shared/*"]}}}"#,
        ),
        (
            "src/shared/order.ts",
            "export enum OrderStatus { New = 'NEW' }\nexport const enum Size { L = 3 }\nexport interface Order { id: string }\n",
        ),
        (
            "src/app.ts",
            "import { OrderStatus, Size, type Order } from '@shared/order';\nfunction seen(target: unknown, key: string, d: PropertyDescriptor) { d.value.seen = key }\nclass Shop { #n = 2; @seen count(): number { return this.#n } }\nclass ValidationError extends Error { constructor(m: string) { super(m); this.name = 'ValidationError' } }\nexport const handler = async (order: Order) => {\n  if (!order.id)\n    throw new ValidationError('no id');\n  return [OrderStatus.New, Size.L, new Shop().count(), (Shop.prototype.count as any).seen];\n};\n",
        ),
    ]);
    let out = tempfile::tempdir().unwrap();
    let properties = BuildProperties::parse(
        &json!({"EntryPoints": ["src/app.ts"], "Sourcemap": true, "Minify": true}),
    )
    .unwrap();
    let built = build(directory.path(), &properties, "src/app.handler", out.path()).unwrap();
    let root = directory.path().canonicalize().unwrap();
    let inputs: Vec<_> = built
        .inputs
        .iter()
        .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        inputs,
        ["src/app.ts", "src/shared/order.ts", "tsconfig.json"]
    );
    assert_eq!(built.warnings, []);
    let world = World::new();
    let mut function = world.function_of_zip(package::zip_directory(out.path()).unwrap());
    function.handler = "src/app.handler".to_owned();
    assert_eq!(
        world.succeed(&function, r#"{"id":"1"}"#).await,
        json!(["NEW", 3, 2, "count"])
    );
    let error = world.fail(&function, "{}").await;
    assert_eq!(error["errorType"], "ValidationError");
    let place = format!("{}:7:", root.join("src/app.ts").display());
    assert!(
        error["trace"][1].as_str().unwrap().contains(&place),
        "{error} does not name {place}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handlers_own_typescript_file_is_the_default_build() {
    let directory = project(&[(
        "src/functions/validate.ts",
        "export const handler = async (): Promise<number> => 4",
    )]);
    let properties =
        BuildProperties::for_handler(directory.path(), "src/functions/validate.handler").unwrap();
    assert_eq!(properties.entry_points, ["src/functions/validate.ts"]);
    assert_eq!(
        BuildProperties::for_handler(directory.path(), "src/other.handler"),
        None
    );
    let out = tempfile::tempdir().unwrap();
    build(
        directory.path(),
        &properties,
        "src/functions/validate.handler",
        out.path(),
    )
    .unwrap();
    let world = World::new();
    let mut function = world.function_of_zip(package::zip_directory(out.path()).unwrap());
    function.handler = "src/functions/validate.handler".to_owned();
    assert_eq!(world.succeed(&function, "{}").await, json!(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn es_modules_with_top_level_await_run() {
    let directory = project(&[(
        "app.ts",
        "const n: number = await Promise.resolve(6); export const handler = async () => n",
    )]);
    let properties = json!({"EntryPoints": ["app"], "Format": "esm", "Target": "es2022"});
    let properties = BuildProperties::parse(&properties).unwrap();
    let out = tempfile::tempdir().unwrap();
    build(directory.path(), &properties, "app.handler", out.path()).unwrap();
    let world = World::new();
    let mut function = world.function_of_zip(package::zip_directory(out.path()).unwrap());
    function.handler = "app.handler".to_owned();
    assert_eq!(world.succeed(&function, "{}").await, json!(6));
}

#[test]
fn errors_name_file_line_and_column() {
    let directory = project(&[("src/app.ts", "export const a = 1;\nexport const b c = 2;\n")]);
    let properties = BuildProperties::for_handler(directory.path(), "src/app.handler").unwrap();
    let out = tempfile::tempdir().unwrap();
    let error = build(directory.path(), &properties, "src/app.handler", out.path()).unwrap_err();
    let place = directory.path().canonicalize().unwrap().join("src/app.ts");
    let expected = format!("{}:2:16: Expected \";\" but found \"c\"", place.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
    let BundleError::Problems(problems) = error else {
        panic!("{error}")
    };
    assert_eq!(
        (problems.len(), problems[0].line, problems[0].column),
        (1, 2, 16)
    );
}

#[test]
fn missing_entry_points_dependencies_and_bad_flags_say_what_to_do() {
    let directory = project(&[
        ("package.json", r#"{"dependencies":{"zod":"3"}}"#),
        (
            "app.ts",
            "import { z } from 'zod'; export const handler = async () => z",
        ),
    ]);
    let out = tempfile::tempdir().unwrap();
    let error = |properties: serde_json::Value| {
        let properties = BuildProperties::parse(&properties).unwrap();
        build(directory.path(), &properties, "app.handler", out.path())
            .unwrap_err()
            .to_string()
    };
    assert!(
        error(json!({"EntryPoints": ["gone.ts"]}))
            .starts_with("entry point \"gone.ts\" is no file in ")
    );
    let missing = error(json!({"EntryPoints": ["app.ts"]}));
    assert!(
        missing.contains("Could not resolve \"zod\"") && missing.contains("run `npm ci`"),
        "{missing}"
    );
    let bad = error(json!({"EntryPoints": ["app.ts"], "Format": "umd"}));
    assert!(bad.contains("umd"), "{bad}");
    let properties =
        BuildProperties::parse(&json!({"EntryPoints": ["app.ts"], "External": ["zod"]})).unwrap();
    let built = build(directory.path(), &properties, "other.handler", out.path()).unwrap();
    assert!(
        built.warnings[0].text.contains("needs a file other.js"),
        "{:?}",
        built.warnings
    );
}

#[test]
fn a_stopped_build_starts_no_tool_and_an_installation_that_failed_is_not_tried_again() {
    let directory = project(&[("app.ts", "export const handler = async () => 1")]);
    let properties = BuildProperties::for_handler(directory.path(), "app.handler").unwrap();
    let (empty, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let notices = Mutex::new(0);
    let installation = Installation::default();
    let failure = |stop: &Stop| {
        let project = Project {
            project_dir: directory.path(),
            code_dir: directory.path(),
            handler: Some("app.handler"),
            cache_dir: empty.path(),
            installs_dependencies: false,
            notice: &|_| *notices.lock().unwrap() += 1,
            installation: &installation,
            stop,
        };
        bundle(&project, &properties, out.path())
            .unwrap_err()
            .to_string()
    };
    let stop = Stop::default();
    stop.stop();
    let first = failure(&stop);
    assert!(first.ends_with(": stopped"), "{first}");
    // Even a build that may run tools does not install a second time.
    assert_eq!(failure(&Stop::default()), first);
    assert_eq!(*notices.lock().unwrap(), 1);
}
