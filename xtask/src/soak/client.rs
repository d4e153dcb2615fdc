//! As much of an HTTP client as a soak and a crash test need: one connection, JSON in and out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::faults::Function;

/// A connection to the server.
pub struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

/// An answer of the server.
pub struct Reply {
    pub status: u16,
    /// Whether the function failed.
    pub is_error: bool,
    pub payload: Value,
}

impl Client {
    pub fn connect(address: &str) -> Result<Client> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client {
            address: address.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    pub fn create(&mut self, function: &Function) -> Result<()> {
        let zip = zip("index.js", function.code.as_bytes());
        let body = json!({
            "FunctionName": function.name, "Runtime": "nodejs20.x", "Handler": "index.handler",
            "Role": "arn:aws:iam::123456789012:role/soak", "Timeout": function.timeout_seconds,
            "MemorySize": 128, "Code": { "ZipFile": STANDARD.encode(zip) },
        });
        let reply = self.call("POST", "/2015-03-31/functions", &[], &body.to_string())?;
        ensure!(
            reply.status == 201,
            "create {}: {}",
            function.name,
            reply.payload
        );
        Ok(())
    }

    pub fn delete(&mut self, name: &str) -> Result<()> {
        let reply = self.call("DELETE", &format!("/2015-03-31/functions/{name}"), &[], "")?;
        ensure!(reply.status < 300, "delete {name}: {}", reply.payload);
        Ok(())
    }

    pub fn invoke(&mut self, name: &str, payload: &Value) -> Result<Reply> {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        self.call("POST", &path, &[], &payload.to_string())
    }

    pub fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Reply> {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let line = self.line()?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("no HTTP answer: {line:?}"))?;
        let (mut length, mut is_error) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("x-amz-function-error", _)) => is_error = true,
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Reply {
            status,
            is_error,
            payload: serde_json::from_slice(&body).unwrap_or(Value::Null),
        })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "the server closed the connection");
        Ok(line.trim_end().to_owned())
    }
}

/// A zip of one file, not compressed.
pub fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len())
        .expect("a small file")
        .to_le_bytes();
    let name_length = u16::try_from(name.len())
        .expect("a short name")
        .to_le_bytes();
    let mut entry = Vec::new();
    // Version, flags, method, time and date; then checksum, sizes and the name's length.
    entry.extend_from_slice(&[10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
    entry.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
    entry.extend_from_slice(&length);
    entry.extend_from_slice(&length);
    entry.extend_from_slice(&name_length);
    entry.extend_from_slice(&[0, 0]);
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend_from_slice(&entry);
    zip.extend_from_slice(name.as_bytes());
    zip.extend_from_slice(content);
    let directory_at = u32::try_from(zip.len()).expect("a small zip").to_le_bytes();
    zip.extend_from_slice(b"PK\x01\x02\x0a\x00");
    zip.extend_from_slice(&entry);
    // No comment, first disk, no attributes, at the start.
    zip.extend_from_slice(&[0; 14]);
    zip.extend_from_slice(name.as_bytes());
    let directory_length = u32::try_from(46 + name.len())
        .expect("a short name")
        .to_le_bytes();
    zip.extend_from_slice(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    zip.extend_from_slice(&directory_length);
    zip.extend_from_slice(&directory_at);
    zip.extend_from_slice(&[0, 0]);
    zip
}

/// Longer than any invocation takes.
const PATIENCE: Duration = Duration::from_secs(300);
