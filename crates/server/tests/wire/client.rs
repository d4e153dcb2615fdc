//! A server on a port of its own, and a client of one connection that speaks HTTP by hand.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use stepwell_server::{Limits, LostTask, Options, Server};

/// No answer in this library takes as long: a test that waits longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn options(data: &Path) -> Options {
    Options {
        access_keys: Vec::new(),
        hosts: Vec::new(),
        hidden_files: Vec::new(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        data: data.to_path_buf(),
        region: "us-east-1".to_string(),
        account: "123456789012".to_string(),
        lost_task: LostTask::Fail,
        checks_roles: false,
        retention_ms: stepwell_server::retention::DEFAULT,
        sandbox: false,
        control_group: None,
        drain_for: Duration::ZERO,
        stop_within: PATIENCE,
        limits: Limits::default(),
        endpoints: BTreeMap::new(),
        inspection: None,
        console: &[],
        project: None,
        mask: stepwell_server::Mask::default(),
        trace_port: None,
        otlp: stepwell_server::OtlpOptions::default(),
    }
}

/// A server on a directory that goes with it.
pub struct World {
    server: Option<Server>,
    pub data: tempfile::TempDir,
}

impl World {
    pub fn start() -> World {
        World::start_with(|_| {})
    }

    pub fn start_with(change: impl FnOnce(&mut Options)) -> World {
        let data = tempfile::tempdir().expect("a temporary directory");
        let mut options = options(data.path());
        change(&mut options);
        World {
            server: Some(Server::start(options).expect("the server starts")),
            data,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server
            .as_ref()
            .expect("a world has a server until it is taken")
            .address()
    }

    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// The server, to be stopped by the caller.
    pub fn take_server(&mut self) -> Server {
        self.server.take().expect("a server is taken once")
    }

    /// Starts a server again on the same directory.
    pub fn start_again(&mut self) {
        self.server =
            Some(Server::start(options(self.data.path())).expect("the server starts again"));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

pub struct Client {
    stream: BufReader<TcpStream>,
    pub connections: u32,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket has a time-out");
        Client {
            stream: BufReader::new(stream),
            connections: 1,
        }
    }

    pub fn write(&mut self, text: &str) {
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .expect("the server reads");
    }

    /// - `line`: method and path.
    pub fn send(&mut self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        self.write(&format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.read()
    }

    pub fn read(&mut self) -> Answer {
        let status = self
            .line()
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status line");
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").expect("a header");
            headers.push((name.to_ascii_lowercase(), value.to_string()));
        }
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a whole body");
        Answer {
            status,
            headers,
            body: String::from_utf8(body).expect("a text"),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("an answer in time");
        assert!(
            !line.is_empty(),
            "the server closed the connection without an answer"
        );
        line.trim_end().to_string()
    }

    pub fn call(&mut self, target: &str, body: &str) -> Answer {
        self.send(
            "POST /",
            &[
                ("x-amz-target", target),
                ("content-type", "application/x-amz-json-1.0"),
            ],
            body,
        )
    }

    /// An operation of Step Functions that succeeds.
    pub fn call_json(&mut self, operation: &str, body: &Value) -> Value {
        let answer = self.call(&format!("AWSStepFunctions.{operation}"), &body.to_string());
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        serde_json::from_str(&answer.body).expect("an answer is JSON")
    }

    /// Creates a state machine; its ARN.
    pub fn create(&mut self, name: &str, kind: &str, definition: &str) -> Value {
        let role = "arn:aws:iam::123456789012:role/r";
        let body = json!({ "name": name, "type": kind, "definition": definition, "roleArn": role });
        self.call_json("CreateStateMachine", &body)["stateMachineArn"].clone()
    }
}
