//! The binary as a server: what it says, what it keeps, how it ends.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: Orders
      Definition:
        StartAt: Shape
        States:
          Shape: {Type: Pass, Result: {paid: true}, Next: IsPaid}
          IsPaid:
            Type: Choice
            Choices: [{Variable: $.paid, BooleanEquals: true, Next: Done}]
          Done: {Type: Succeed}
";

struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stepwell"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let endpoint = line
            .strip_prefix("listening on ")
            .map(|rest| rest.trim_end().to_owned());
        Self {
            child,
            endpoint: endpoint.unwrap_or_else(|| panic!("the first line is {line:?}")),
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stepwell"));
        command
            .args(arguments)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .stdin(Stdio::null());
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    }

    /// Sends the signal and returns the exit code and what was said on stderr.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        let mut told = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut told)
            .unwrap();
        (self.child.wait().unwrap().code(), told)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed must not leave its server behind; after `end` there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn stdout(output: &Output) -> String {
    let told = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    told
}

#[test]
fn an_application_is_deployed_run_and_remembered_over_a_restart() {
    let directory = directory("serve");
    let template = directory.join("template.yaml");
    fs::write(&template, TEMPLATE).unwrap();
    let template = template.to_str().unwrap();

    let server = Server::start(&directory.join("data"));
    assert!(
        stdout(&server.run(&["deploy", template])).contains("created    state machine  Orders")
    );
    assert!(
        stdout(&server.run(&["deploy", template])).contains("unchanged  state machine  Orders")
    );
    let followed = stdout(&server.run(&["start", "Orders", "--name", "one", "--follow"]));
    for state in [
        "✓ Shape",
        "✓ IsPaid",
        "✓ Done",
        "SUCCEEDED in ",
        "\"paid\": true",
    ] {
        assert!(
            followed.contains(state),
            "{state} is missing in\n{followed}"
        );
    }
    let before = stdout(&server.run(&["history", "Orders:one", "--json"]));
    let (code, told) = server.end("-TERM");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("\nstopping:"), "{told}");

    let server = Server::start(&directory.join("data"));
    assert_eq!(
        stdout(&server.run(&["history", "Orders", "--json"])),
        before
    );
    let listed: Value = serde_json::from_str(&stdout(&server.run(&["list", "--json"]))).unwrap();
    assert_eq!(
        listed["stateMachines"][0]["executions"][0]["status"],
        "SUCCEEDED"
    );
    assert_eq!(server.end("-INT").0, Some(0));
}

#[test]
fn a_definition_is_validated_without_a_server() {
    let directory = directory("validate-definition");
    let definition = directory.join("orders.asl.json");
    let validate = || {
        Command::new(env!("CARGO_BIN_EXE_stepwell"))
            .arg("validate")
            .arg(&definition)
            .output()
            .unwrap()
    };

    fs::write(
        &definition,
        r#"{"StartAt":"Done","States":{"Done":{"Type":"Task","Resource":"${Fn}","End":true}}}"#,
    )
    .unwrap();
    let valid = stdout(&validate());
    assert!(
        valid.contains("checked with stand-ins for ${Fn}") && valid.ends_with(": valid\n"),
        "{valid}"
    );

    fs::write(
        &definition,
        r#"{"StartAt":"Gone","States":{"Done":{"Type":"Succeed"}}}"#,
    )
    .unwrap();
    let output = validate();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("MISSING_TRANSITION_TARGET") && told.ends_with(": not valid\n"),
        "{told}"
    );
}

#[test]
fn a_data_directory_belongs_to_one_server() {
    let directory = directory("serve-twice");
    let server = Server::start(&directory);
    let second = Command::new(env!("CARGO_BIN_EXE_stepwell"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&directory)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(2));
    let told = String::from_utf8(second.stderr).unwrap();
    assert!(
        told.starts_with("error: ") && told.contains("next: if another server runs on"),
        "{told}"
    );
    drop(server);
}
