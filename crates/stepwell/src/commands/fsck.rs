//! `stepwell fsck`: reads every row of a data directory or a backup and says what is wrong.

use serde_json::json;

use crate::{Verdict, arguments::Fsck, embedded, terminal};

pub fn run(arguments: &Fsck, is_json: bool) -> anyhow::Result<Verdict> {
    let checked = embedded::check(&arguments.dir, arguments.repair)?;
    let rows: u64 = checked.kinds.iter().map(|kind| kind.rows).sum();
    if is_json {
        for found in &checked.findings {
            terminal::put_json(&json!({
                "event": "finding", "rule": found.rule, "kind": found.kind, "key": found.key, "text": found.text,
            }));
        }
        let kinds = checked.kinds.iter().map(|kind| {
            json!({ "kind": kind.name, "number": kind.number, "rows": kind.rows, "bytes": kind.bytes })
        });
        terminal::put_json(&json!({
            "event": "summary", "backup": checked.is_backup, "findings": checked.findings_total,
            "kinds": kinds.collect::<Vec<_>>(), "rows": rows,
            "logs": { "rows": checked.log_rows, "bytes": checked.log_bytes },
        }));
    } else {
        for found in &checked.findings {
            let line = format!(
                "{} {} {}: {}",
                found.rule, found.kind, found.key, found.text
            );
            terminal::put_line(&terminal::harmless(&line));
        }
        let left_out = checked.findings_total - checked.findings.len() as u64;
        if left_out > 0 {
            terminal::put_line(&format!("... and {left_out} more"));
        }
        terminal::put_line(&format!("{:<22} {:>12} {:>15}", "kind", "rows", "bytes"));
        for kind in &checked.kinds {
            let line = format!("{:<22} {:>12} {:>15}", kind.name, kind.rows, kind.bytes);
            terminal::put_line(&line);
        }
        let logs = format!(
            "{:<22} {:>12} {:>15}",
            "logs", checked.log_rows, checked.log_bytes
        );
        terminal::put_line(&logs);
        terminal::put_line(&match checked.findings_total {
            0 => format!("{}: nothing was found", arguments.dir.display()),
            total => format!("{}: {total} findings", arguments.dir.display()),
        });
    }
    Ok(match checked.findings_total {
        0 => Verdict::Well,
        _ => Verdict::Badly,
    })
}
