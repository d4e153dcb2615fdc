//! The header `X-Amzn-Trace-Id`: `Root=1-...;Parent=...;Sampled=0|1;Lineage=...`.

use super::document::{SegmentId, TraceId};

/// What a trace header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceHeader {
    pub root: TraceId,
    pub parent: Option<SegmentId>,
    /// `None`: whoever is called decides.
    pub sampled: Option<bool>,
}

impl TraceHeader {
    /// Reads a header; `None` if it names no trace.
    pub fn parse(text: &str) -> Option<TraceHeader> {
        let mut header = TraceHeader {
            root: TraceId([0; 16]),
            parent: None,
            sampled: None,
        };
        let mut root = None;
        for part in text.split(';') {
            let (name, value) = part.trim().split_once('=')?;
            match name {
                "Root" => root = TraceId::parse(value),
                "Parent" => header.parent = SegmentId::parse(value),
                "Sampled" => {
                    header.sampled = match value {
                        "1" => Some(true),
                        "0" => Some(false),
                        _ => None,
                    }
                }
                _ => {}
            }
        }
        Some(TraceHeader {
            root: root?,
            ..header
        })
    }

    /// Whether the trace is kept.
    pub fn is_sampled(&self) -> bool {
        self.sampled == Some(true)
    }
}

impl std::fmt::Display for TraceHeader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Root={}", self.root)?;
        if let Some(parent) = self.parent {
            write!(formatter, ";Parent={parent}")?;
        }
        if let Some(sampled) = self.sampled {
            write!(formatter, ";Sampled={}", u8::from(sampled))?;
        }
        Ok(())
    }
}
