//! The bytes of an execution's row: what its state machine's ARN and its own name say is not said again.
//!
//! After the version: marks, then what the marks say is there, in the order of [`pack`]; the rest is postcard.

use stepwell_engine::{Course, Execution, Identity, Mode};

use super::execution::{ExecutionRow, OwnedExecutionRow};
use super::pack::{Packer, Unpacker, hex_bytes, hex_text};

/// The version of a packed row; version 1 is postcard.
pub(super) const VERSION_PACKED: u8 = 2;

/// About how many bytes a row takes.
const ROW_BYTES: usize = 192;

// Marks. Numbers are persisted: never change, never reuse.
const ARN_FOLLOWS_FROM_NAME: u64 = 1;
const MACHINE_IS_SPLIT: u64 = 1 << 1;
const ROLE_IS_OF_ACCOUNT: u64 = 1 << 2;
const MACHINE_NAME_IS_IN_ARN: u64 = 1 << 3;
const DEFINITION_IS_HASH: u64 = 1 << 4;
const HAS_REVISION: u64 = 1 << 5;
const HAS_VERSION: u64 = 1 << 6;
const HAS_ALIAS: u64 = 1 << 7;
const HAS_TRACE_HEADER: u64 = 1 << 8;
const IS_REDRIVEN: u64 = 1 << 9;
const IS_FORKED: u64 = 1 << 10;
const HAS_LOST_TASKS: u64 = 1 << 11;
const RETRIES_LOST_TASKS: u64 = 1 << 12;
const IS_ASYNCHRONOUS: u64 = 1 << 13;
const IS_SYNCHRONOUS: u64 = 1 << 14;
const TRACE_HEADER_IS_ROOT: u64 = 1 << 15;
const IS_SAMPLED: u64 = 1 << 16;
/// Marks of a later release.
const UNKNOWN: u64 = !((1 << 17) - 1);

const MACHINE_HEAD: &str = "arn:aws:states:";
const MACHINE_MIDDLE: &str = ":stateMachine:";
const ROLE_HEAD: &str = "arn:aws:iam::";
const ROLE_MIDDLE: &str = ":role/";

/// The value of an execution's row. Its number is in the key.
pub(super) fn pack(row: &OwnedExecutionRow) -> Vec<u8> {
    let identity = &row.execution.identity;
    let machine = MachineParts::of(&identity.state_machine_arn);
    let account = machine.as_ref().map(|parts| parts.account_text);
    let role = account.and_then(|account| role_of(&identity.role_arn, account));
    let definition = hex_bytes::<32>(&row.definition);
    let is_in_arn = machine
        .as_ref()
        .is_some_and(|parts| parts.name == identity.state_machine_name);
    let is_derived = machine.as_ref().is_some_and(|parts| {
        let rest = identity.arn.strip_prefix(MACHINE_HEAD);
        rest.and_then(|rest| rest.strip_prefix(parts.region))
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|rest| rest.strip_prefix(parts.account_text))
            .and_then(|rest| rest.strip_prefix(":execution:"))
            .and_then(|rest| rest.strip_prefix(parts.name))
            .and_then(|rest| rest.strip_prefix(':'))
            .is_some_and(|rest| rest == identity.name)
    });
    let root = row.trace_header.as_deref().and_then(RootHeader::of);
    let is_redriven = row.redrive_count != 0 || row.redriven_ms.is_some();
    let marks = [
        (is_derived, ARN_FOLLOWS_FROM_NAME),
        (machine.is_some(), MACHINE_IS_SPLIT),
        (role.is_some(), ROLE_IS_OF_ACCOUNT),
        (is_in_arn, MACHINE_NAME_IS_IN_ARN),
        (definition.is_some(), DEFINITION_IS_HASH),
        (row.revision_id.is_some(), HAS_REVISION),
        (row.version_arn.is_some(), HAS_VERSION),
        (row.alias_arn.is_some(), HAS_ALIAS),
        (row.trace_header.is_some(), HAS_TRACE_HEADER),
        (is_redriven, IS_REDRIVEN),
        (row.forked_from.is_some(), IS_FORKED),
        (row.retries_lost_tasks.is_some(), HAS_LOST_TASKS),
        (row.retries_lost_tasks == Some(true), RETRIES_LOST_TASKS),
        (identity.mode == Mode::ExpressAsynchronous, IS_ASYNCHRONOUS),
        (identity.mode == Mode::ExpressSynchronous, IS_SYNCHRONOUS),
        (root.is_some(), TRACE_HEADER_IS_ROOT),
        (
            root.as_ref().is_some_and(|root| root.is_sampled),
            IS_SAMPLED,
        ),
    ];
    let marks = marks.iter().filter(|(is_set, _)| *is_set);
    let mut packer = Packer::new(VERSION_PACKED, ROW_BYTES);
    packer.number(marks.map(|(_, mark)| mark).sum());
    packer.name(&identity.name);
    match &machine {
        Some(parts) => {
            packer.text(parts.region);
            packer.number(parts.account);
            packer.text(parts.name);
        }
        None => packer.text(&identity.state_machine_arn),
    }
    if !is_in_arn {
        packer.text(&identity.state_machine_name);
    }
    if !is_derived {
        packer.text(&identity.arn);
    }
    packer.text(role.unwrap_or(&identity.role_arn));
    packer.signed(identity.started_ms);
    packer.raw(&identity.seed);
    match &definition {
        Some(hash) => packer.raw(hash),
        None => packer.text(&row.definition),
    }
    if let Some(revision) = &row.revision_id {
        packer.name(revision);
    }
    for arn in [&row.version_arn, &row.alias_arn].into_iter().flatten() {
        qualified(&mut packer, arn, &identity.state_machine_arn);
    }
    match (&root, &row.trace_header) {
        (Some(root), _) => {
            packer.raw(&root.seconds);
            packer.raw(&root.drawn);
        }
        (None, Some(header)) => packer.text(header),
        (None, None) => {}
    }
    packer
        .postcard(&Rest {
            redrives: is_redriven.then_some((row.redrive_count, row.redriven_ms)),
            forked_from: row.forked_from,
            course: row.execution.course(),
        })
        .into_bytes()
}

/// What ends a packed row.
#[derive(serde::Serialize, serde::Deserialize)]
struct Rest {
    redrives: Option<(u32, Option<i64>)>,
    forked_from: Option<(u64, u64)>,
    course: Course,
}

/// An ARN that begins with that of the state machine: 1, and the rest; another one: 0, and the whole.
fn qualified(packer: &mut Packer, arn: &str, state_machine_arn: &str) {
    match arn.strip_prefix(state_machine_arn) {
        Some(rest) => {
            packer.byte(1);
            packer.text(rest);
        }
        None => {
            packer.byte(0);
            packer.text(arn);
        }
    }
}

/// The row in a value after its version; `None` if the bytes are no such row.
///
/// - `number`: the execution's, from the key.
pub(super) fn unpack(number: u64, bytes: &[u8]) -> Option<OwnedExecutionRow> {
    let mut unpacker = Unpacker::new(bytes);
    let marks = unpacker.number()?;
    if marks & UNKNOWN != 0 {
        return None;
    }
    let has = |mark: u64| marks & mark != 0;
    let name = unpacker.name()?;
    let (state_machine_arn, split) = if has(MACHINE_IS_SPLIT) {
        let region = unpacker.text()?;
        let account = account_text(unpacker.number()?);
        let name = unpacker.text()?;
        let arn = format!("{MACHINE_HEAD}{region}:{account}{MACHINE_MIDDLE}{name}");
        (arn, Some((region, account, name)))
    } else {
        (unpacker.text()?.to_string(), None)
    };
    let state_machine_name = match (has(MACHINE_NAME_IS_IN_ARN), &split) {
        (false, _) => unpacker.text()?,
        (true, Some((_, _, name))) => name,
        (true, None) => return None,
    };
    let arn = match (has(ARN_FOLLOWS_FROM_NAME), &split) {
        (false, _) => unpacker.text()?.to_string(),
        (true, Some((region, account, machine))) => {
            format!("{MACHINE_HEAD}{region}:{account}:execution:{machine}:{name}")
        }
        (true, None) => return None,
    };
    let role = unpacker.text()?;
    let role_arn = match (has(ROLE_IS_OF_ACCOUNT), &split) {
        (false, _) => role.to_string(),
        (true, Some((_, account, _))) => format!("{ROLE_HEAD}{account}{ROLE_MIDDLE}{role}"),
        (true, None) => return None,
    };
    let mode = match (has(IS_ASYNCHRONOUS), has(IS_SYNCHRONOUS)) {
        (false, false) => Mode::Standard,
        (true, _) => Mode::ExpressAsynchronous,
        (false, true) => Mode::ExpressSynchronous,
    };
    let identity = Identity {
        number,
        arn,
        name,
        state_machine_name: state_machine_name.to_string(),
        state_machine_arn,
        role_arn,
        mode,
        started_ms: unpacker.signed()?,
        seed: unpacker.raw(32)?.try_into().ok()?,
    };
    let definition = if has(DEFINITION_IS_HASH) {
        hex_text(unpacker.raw(32)?)
    } else {
        unpacker.text()?.to_string()
    };
    let revision_id = match has(HAS_REVISION) {
        true => Some(unpacker.name()?),
        false => None,
    };
    let mut qualified = |mark: u64| -> Option<Option<String>> {
        if !has(mark) {
            return Some(None);
        }
        let head = match unpacker.byte()? {
            0 => "",
            _ => identity.state_machine_arn.as_str(),
        };
        Some(Some(head.to_string() + unpacker.text()?))
    };
    let (version_arn, alias_arn) = (qualified(HAS_VERSION)?, qualified(HAS_ALIAS)?);
    let trace_header = match has(HAS_TRACE_HEADER) {
        true if has(TRACE_HEADER_IS_ROOT) => Some(
            RootHeader {
                seconds: unpacker.raw(4)?.try_into().ok()?,
                drawn: unpacker.raw(12)?.try_into().ok()?,
                is_sampled: has(IS_SAMPLED),
            }
            .text(),
        ),
        true => Some(unpacker.text()?.to_string()),
        false => None,
    };
    let rest: Rest = unpacker.postcard()?;
    let (redrive_count, redriven_ms) = rest.redrives.unwrap_or_default();
    Some(ExecutionRow {
        execution: Execution::at_course(identity, rest.course),
        definition,
        revision_id,
        version_arn,
        alias_arn,
        trace_header,
        redrive_count,
        redriven_ms,
        forked_from: rest.forked_from,
        retries_lost_tasks: has(HAS_LOST_TASKS).then_some(has(RETRIES_LOST_TASKS)),
    })
}

/// The parts of a state machine's ARN that have an account of twelve digits.
struct MachineParts<'a> {
    region: &'a str,
    account: u64,
    account_text: &'a str,
    /// With the label, where there is one.
    name: &'a str,
}

impl MachineParts<'_> {
    fn of(arn: &str) -> Option<MachineParts<'_>> {
        let (region, rest) = arn.strip_prefix(MACHINE_HEAD)?.split_once(':')?;
        let (account_text, name) = rest.split_once(MACHINE_MIDDLE)?;
        let account: u64 = account_text.parse().ok()?;
        (self::account_text(account) == account_text).then_some(MachineParts {
            region,
            account,
            account_text,
            name,
        })
    }
}

/// A trace header as an execution gets it that begins its trace.
struct RootHeader {
    seconds: [u8; 4],
    drawn: [u8; 12],
    is_sampled: bool,
}

impl RootHeader {
    fn of(header: &str) -> Option<RootHeader> {
        let (root, decision) = header.strip_prefix("Root=1-")?.split_once(";Sampled=")?;
        let (seconds, drawn) = root.split_once('-')?;
        let is_sampled = match decision {
            "0" => false,
            "1" => true,
            _ => return None,
        };
        Some(RootHeader {
            seconds: hex_bytes(seconds)?,
            drawn: hex_bytes(drawn)?,
            is_sampled,
        })
    }

    fn text(&self) -> String {
        let (seconds, drawn) = (hex_text(&self.seconds), hex_text(&self.drawn));
        let decision = u8::from(self.is_sampled);
        format!("Root=1-{seconds}-{drawn};Sampled={decision}")
    }
}

fn account_text(account: u64) -> String {
    format!("{account:012}")
}

/// The name and path of a role of the account.
fn role_of<'a>(arn: &'a str, account: &str) -> Option<&'a str> {
    arn.strip_prefix(ROLE_HEAD)?
        .strip_prefix(account)?
        .strip_prefix(ROLE_MIDDLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> OwnedExecutionRow {
        let identity = Identity {
            number: 7,
            arn: "arn:aws:states:eu-west-1:000000000042:execution:orders:one".to_string(),
            name: "one".to_string(),
            state_machine_arn: "arn:aws:states:eu-west-1:000000000042:stateMachine:orders"
                .to_string(),
            state_machine_name: "orders".to_string(),
            role_arn: "arn:aws:iam::000000000042:role/service-role/r".to_string(),
            mode: Mode::Standard,
            started_ms: 1_700_000_000_000,
            seed: [9; 32],
        };
        let text = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
        let definition =
            stepwell_engine::Definition::parse(text, stepwell_engine::MachineKind::Standard)
                .expect("a definition");
        let input = stepwell_engine::Payload::from_text("[1]");
        let execution = Execution::new(identity, definition.into(), input, Some(60));
        ExecutionRow::fresh(execution, "ab".repeat(32), None)
    }

    /// Rows have no equality of their own: what version 1 writes of them is compared.
    fn check(row: &OwnedExecutionRow) -> usize {
        let packed = pack(row);
        assert_eq!(packed[0], VERSION_PACKED);
        let number = row.execution.identity.number;
        let read = unpack(number, &packed[1..]).expect("a row");
        assert_eq!(super::super::encode(&read), super::super::encode(row));
        for end in 1..packed.len() {
            assert!(unpack(number, &packed[1..end]).is_none(), "cut at {end}");
        }
        packed.len()
    }

    #[test]
    fn a_packed_row_is_read_back() {
        assert!(check(&row()) < 140);
        let change = |change: &dyn Fn(&mut OwnedExecutionRow)| {
            let mut row = row();
            change(&mut row);
            check(&row);
        };
        change(&|row| row.definition = "definition".to_string());
        change(&|row| row.revision_id = Some("not a uuid".to_string()));
        change(&|row| row.trace_header = Some("Root=1-2".to_string()));
        let root = "Root=1-6553f100-00112233445566778899aabb";
        for rest in [
            ";Sampled=1",
            ";Sampled=0",
            ";Sampled=?",
            "",
            ";Parent=53995c3f42cd8ad8;Sampled=1",
        ] {
            change(&|row| row.trace_header = Some(format!("{root}{rest}")));
        }
        change(&|row| row.trace_header = Some(format!("{root}a;Sampled=1")));
        change(&|row| row.trace_header = Some(root.to_uppercase() + ";Sampled=1"));
        change(&|row| (row.redrive_count, row.redriven_ms) = (2, Some(5)));
        change(&|row| row.forked_from = Some((3, 4)));
        change(&|row| row.retries_lost_tasks = Some(true));
        change(&|row| row.retries_lost_tasks = Some(false));
        let machine = row().execution.identity.state_machine_arn.clone();
        change(&|row| row.version_arn = Some(format!("{machine}:3")));
        change(&|row| row.alias_arn = Some("another".to_string()));
    }

    #[test]
    fn a_trace_of_its_own_takes_few_bytes_and_marks_of_a_later_release_are_refused() {
        let mut row = row();
        let without = pack(&row).len();
        row.trace_header = Some("Root=1-6553f100-00112233445566778899aabb;Sampled=0".to_string());
        let with = pack(&row);
        assert!(with.len() <= without + 18);
        assert_eq!(&with[1..4], [0x9f, 0x82, 0x02]);
        let later = [&[0x9f, 0x82, 0x0a], &with[4..]].concat();
        assert!(unpack(7, &later).is_none());
    }

    #[test]
    fn what_follows_from_nothing_is_written_out() {
        let change = |change: &dyn Fn(&mut Identity)| {
            let mut row = row();
            change(std::sync::Arc::make_mut(&mut row.execution.identity));
            check(&row);
        };
        change(&|identity| identity.arn = "arn:other".to_string());
        change(&|identity| identity.name = "another".to_string());
        change(&|identity| identity.state_machine_arn = "arn:other".to_string());
        change(&|identity| identity.state_machine_name = "other".to_string());
        change(&|identity| identity.role_arn = "arn:aws:iam::000000000043:role/r".to_string());
        change(&|identity| identity.role_arn = String::new());
        change(&|identity| identity.mode = Mode::ExpressAsynchronous);
        change(&|identity| identity.mode = Mode::ExpressSynchronous);
        change(&|identity| identity.started_ms = -5);
        let label = |identity: &mut Identity| {
            identity.state_machine_arn += "/Label";
            identity.arn = identity.arn.replace("orders", "orders/Label");
        };
        change(&label);
    }
}
