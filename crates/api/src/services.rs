//! The services of AWS by the names that requests and settings give them.
//!
//! The facts come from the public service models (`cargo xtask codegen --refresh`): of each service its id, as in
//! `AWS_ENDPOINT_URL_<ID>` but in lower case, the name in the scope of its signatures, and what its `X-Amz-Target`
//! begins with.

use std::collections::HashMap;
use std::sync::LazyLock;

/// `ID SIGNING_NAME TARGET_PREFIX` a line, in the order of the ids; `-` for no prefix.
const SERVICES: &str = include_str!("services.txt");

/// Read once: every request asks which service it is for.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| SERVICES.lines().filter_map(row).collect());

/// The first row of each prefix.
static BY_TARGET: LazyLock<HashMap<&'static str, &'static Row>> = LazyLock::new(|| {
    let rows = ROWS.iter().rev();
    rows.filter_map(|row| Some((row.target_prefix?, row)))
        .collect()
});

/// What a request tells of the service that it is for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signs<'a> {
    /// `SERVICE` of `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
    pub signing_name: Option<&'a str>,
    /// What stands before the operation in `X-Amz-Target`.
    pub target_prefix: Option<&'a str>,
    /// The id that the SDK tells in its `User-Agent`, as in `api/dynamodb#3.0.0`.
    pub api: Option<&'a str>,
}

/// Whether a service has this id: lower case, `_` for blanks, such as `dynamodb` or `cloudwatch_logs`.
pub fn is_id(id: &str) -> bool {
    ROWS.iter().any(|row| row.id == id)
}

/// The name in the scope of the signatures of a service.
pub fn signing_name(id: &str) -> Option<&'static str> {
    let row = ROWS.iter().find(|row| row.id == id);
    row.map(|row| row.signing_name)
}

/// The ids that are most like `id`, at most three, best first.
pub fn similar_ids(id: &str) -> Vec<&'static str> {
    let mut ranked: Vec<(usize, &'static str)> = ROWS
        .iter()
        .map(|row| (distance(id, row), row.id))
        .filter(|(distance, _)| *distance <= DISTANCE_MAX)
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(3).map(|(_, id)| id).collect()
}

/// The id of the service that a request is for.
///
/// - Several services sign with one name (`ses`, `rds`): then what the SDK says of itself decides, else the service
///   that has the name for its id, else the shortest id.
pub fn identify(signs: Signs<'_>) -> Option<&'static str> {
    let by_target = signs.target_prefix.and_then(|prefix| BY_TARGET.get(prefix));
    if let Some(row) = by_target {
        return Some(row.id);
    }
    let name = signs.signing_name?;
    let rank = |row: &&Row| {
        let is_said = signs.api == Some(row.id);
        (!is_said, row.id != name, row.id.len())
    };
    ROWS.iter()
        .filter(|row| row.signing_name == name)
        .min_by_key(rank)
        .map(|row| row.id)
}

struct Row {
    id: &'static str,
    signing_name: &'static str,
    target_prefix: Option<&'static str>,
}

fn row(line: &'static str) -> Option<Row> {
    let mut words = line.split(' ');
    Some(Row {
        id: words.next()?,
        signing_name: words.next()?,
        target_prefix: words.next().filter(|prefix| *prefix != "-"),
    })
}

/// How far a typed id is from a service: 0 if it is the service's other name, else the edits between them.
fn distance(typed: &str, row: &Row) -> usize {
    if typed.eq_ignore_ascii_case(row.signing_name) {
        return 0;
    }
    let normal = typed.to_ascii_lowercase().replace(['-', ' ', '.'], "_");
    edits(&normal, row.id)
}

/// Insertions, deletions and replacements that make `b` of `a`.
fn edits(a: &str, b: &str) -> usize {
    let mut costs: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().take(ID_BYTES_MAX).enumerate() {
        let mut diagonal = costs[0];
        costs[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = costs[j + 1];
            costs[j + 1] = replaced.min(costs[j] + 1).min(diagonal + 1);
        }
    }
    costs[b.len()]
}

/// Typed ids are compared up to here; the longest one is shorter.
const ID_BYTES_MAX: usize = 64;
/// More edits than this are no slip of the finger.
const DISTANCE_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_its_target_or_its_signature() {
        let by = |signing_name, target_prefix, api| {
            identify(Signs {
                signing_name,
                target_prefix,
                api,
            })
        };
        assert_eq!(by(None, Some("DynamoDB_20120810"), None), Some("dynamodb"));
        assert_eq!(
            by(Some("dynamodb"), Some("DynamoDBStreams_20120810"), None),
            Some("dynamodb_streams")
        );
        assert_eq!(by(Some("s3"), None, None), Some("s3"));
        assert_eq!(by(Some("monitoring"), None, None), Some("cloudwatch"));
        assert_eq!(by(Some("events"), None, None), Some("eventbridge"));
        assert_eq!(by(Some("ses"), None, None), Some("ses"));
        assert_eq!(by(Some("ses"), None, Some("sesv2")), Some("sesv2"));
        assert_eq!(by(Some("nothing"), Some("Nothing_1"), None), None);
    }

    #[test]
    fn a_slip_is_answered_with_what_was_meant() {
        assert!(is_id("cloudwatch_logs") && !is_id("logs"));
        assert_eq!(similar_ids("logs"), ["cloudwatch_logs"]);
        assert_eq!(similar_ids("dynamo-db").first(), Some(&"dynamodb"));
        assert_eq!(similar_ids("sqss").first(), Some(&"sqs"));
        assert!(similar_ids("my_own_service").is_empty());
    }
}
