//! A server that answers each call of the AWS API as a test says: enough HTTP for one client.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

/// One call as the client sent it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation of `X-Amz-Target` without its service, else method and path.
    pub operation: String,
    pub body: Value,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    pub fn ok(body: Value) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    pub fn error(code: &str, message: &str) -> Self {
        let body = json!({ "__type": format!("com.amazonaws.swf.service.v2.model#{code}"), "message": message });
        Self {
            status: 400,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }
}

pub struct Fake {
    pub endpoint: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Fake {
    /// Serves on a free port until the test process ends.
    pub fn serve(mut answer: impl FnMut(&Call) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                let Some(call) = read(&stream) else { continue };
                noted
                    .lock()
                    .expect("no test panics with the lock")
                    .push(call.clone());
                write(&stream, &answer(&call));
            }
        });
        Self { endpoint, calls }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls
            .lock()
            .expect("no test panics with the lock")
            .clone()
    }
}

fn read(stream: &TcpStream) -> Option<Call> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut operation = format!("{} {}", words.next()?, words.next()?);
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "x-amz-target" => operation = value.rsplit('.').next()?.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Call {
        operation,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

fn write(mut stream: &TcpStream, answer: &Answer) {
    let mut head = format!(
        "HTTP/1.1 {} Answer\r\nContent-Length: {}\r\nConnection: close\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // A client that has gone is the test's own assertion to make.
    let _ = stream.write_all(format!("{head}\r\n{}", answer.body).as_bytes());
}
