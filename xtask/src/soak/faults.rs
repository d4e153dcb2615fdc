//! The functions of a soak, what they are told to do, and what they must answer.

use serde_json::{Value, json};

use super::client::Reply;
use crate::random::mixed;

/// A function to make.
pub struct Function {
    pub name: String,
    pub code: String,
    pub timeout_seconds: u64,
}

/// Which function does what.
pub struct Faults {
    functions: Vec<Function>,
}

/// One invocation.
pub struct Case {
    pub function: String,
    pub payload: Value,
    fault: &'static str,
    number: u64,
}

impl Faults {
    /// `functions` functions: the last two only hang and only end in init, the others do everything else.
    ///
    /// - `marker`: stands in the command line of every process they start.
    pub fn new(functions: u64, marker: &str) -> Faults {
        let general = (0..functions - 2).map(|number| Function {
            name: format!("soak-{number}"),
            code: HANDLER.replace("MARKER", marker),
            timeout_seconds: 60,
        });
        let hangs = Function {
            name: "soak-hangs".to_owned(),
            code: HANGS.to_owned(),
            timeout_seconds: 1,
        };
        let ends = Function {
            name: "soak-ends".to_owned(),
            code: ENDS.to_owned(),
            timeout_seconds: 60,
        };
        Faults {
            functions: general.chain([hangs, ends]).collect(),
        }
    }

    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The invocation `number` of the run `seed`: the same for the same two.
    pub fn case(&self, seed: u64, number: u64) -> Case {
        let mut random = mixed(seed ^ mixed(number));
        let mut below = |bound: usize| {
            random = mixed(random);
            usize::try_from(random % bound as u64).unwrap_or(0)
        };
        let fault = if below(100) < FAULTS_PERCENT {
            FAULTS[below(FAULTS.len())]
        } else {
            "none"
        };
        let general = self.functions.len() - 2;
        let function = match fault {
            "loop" | "hang" => general,
            "init" => general + 1,
            _ => below(general),
        };
        Case {
            function: self.functions[function].name.clone(),
            payload: json!({ "fault": fault, "n": number, "pad": "x".repeat(below(2000)) }),
            fault,
            number,
        }
    }
}

impl Case {
    pub fn is_fault(&self) -> bool {
        self.fault != "none"
    }

    /// What is wrong with the reply, if anything is.
    pub fn judge(&self, reply: &Reply) -> Option<String> {
        let error = reply.payload["errorType"].as_str().unwrap_or("");
        let message = reply.payload["errorMessage"].as_str().unwrap_or("");
        let is_answer = !reply.is_error && reply.payload["n"] == self.number;
        let is_right = match self.fault {
            "none" | "fork" | "escape" | "log" | "twice" => is_answer,
            "throw" => error == "SoakError" && message == "told to",
            "reject" => error == "Runtime.UnhandledPromiseRejection",
            "exit" | "escape-exit" | "kill-runtime" => error == "Runtime.ExitError",
            "leak" => ["Runtime.OutOfMemory", "Runtime.ExitError"].contains(&error),
            "large" => error == "Function.ResponseSizeTooLarge",
            "cyclic" => message == "Unable to stringify response body",
            "undefined" => !reply.is_error && reply.payload.is_null(),
            "kill-parent" => error == "Error" && message == "kill EPERM",
            "loop" | "hang" => error == "Sandbox.Timedout",
            "init" => error == "Runtime.ExitError" || (!reply.is_error && reply.payload == "lucky"),
            other => unreachable!("{other} is no fault"),
        };
        (!is_right || reply.status != 200).then(|| {
            let text: String = reply.payload.to_string().chars().take(300).collect();
            format!(
                "{} number {} told {}: HTTP {}, {text}",
                self.function, self.number, self.fault, reply.status
            )
        })
    }
}

pub const FUNCTIONS_MIN: u64 = 3;
const FAULTS_PERCENT: usize = 6;
const FAULTS: [&str; 17] = [
    "throw",
    "reject",
    "exit",
    "escape-exit",
    "kill-runtime",
    "leak",
    "large",
    "cyclic",
    "undefined",
    "kill-parent",
    "loop",
    "hang",
    "init",
    "fork",
    "escape",
    "log",
    "twice",
];

const HANDLER: &str = r#"
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const start = (text) => spawn('sh', ['-c', `${text}; : MARKER`], { detached: true, stdio: 'ignore' }).unref();
const escape = () => start('setsid sh -c "sleep 600; : MARKER" &');
class SoakError extends Error { constructor(message) { super(message); this.name = 'SoakError'; } }
const faults = {
  throw: () => { throw new SoakError('told to'); },
  reject: () => { Promise.reject(new Error('lost')); return wait(60000); },
  exit: () => process.exit(3),
  'escape-exit': async () => { escape(); await wait(20); process.exit(4); },
  'kill-runtime': () => { spawn('sh', ['-c', 'kill -9 $PPID']); return wait(60000); },
  leak: async () => { const kept = []; for (;;) { kept.push(Buffer.alloc(8 << 20, 1)); await wait(1); } },
  large: () => 'x'.repeat(7 << 20),
  cyclic: () => { const a = {}; a.a = a; return a; },
  undefined: () => undefined,
  'kill-parent': () => process.kill(process.ppid, 'SIGKILL'),
  fork: () => { for (let n = 0; n < 5; n++) start('sleep 600'); },
  escape,
  log: () => { const line = 'y'.repeat(1023) + '\n'; for (let n = 0; n < 2048; n++) process.stdout.write(line); },
  twice: (event, context) => { context.succeed({ n: event.n }); context.succeed({ n: -1 }); },
};
exports.handler = async (event, context) => {
  fs.writeFileSync(`${process.env.TMPDIR}/last`, event.pad);
  console.log('told', event.fault);
  const result = await faults[event.fault]?.(event, context);
  const isAnswer = ['large', 'cyclic', 'undefined'].includes(event.fault);
  return isAnswer ? result : { n: event.n };
};
"#;

const HANGS: &str = r#"
exports.handler = async ({ fault }) => {
  if (fault === 'loop') for (;;);
  await new Promise((resolve) => setTimeout(resolve, 60000));
};
"#;

const ENDS: &str = r#"
if (Math.random() < 0.7) process.exit(5);
exports.handler = async () => 'lucky';
"#;
