use std::borrow::Cow;

use expect_test::{Expect, expect};

use super::{Ended, LogRecord, Query, Run};

const NOW_MS: i64 = 1_700_000_000_000;

/// Newest first, as a search gives them.
const MESSAGES: [&str; 8] = [
    r#"{"level":"ERROR","ms":120,"user":{"id":"u1","tags":["a","b"]},"ok":false,"text":"disk full"}"#,
    r#"{"level":"INFO","ms":10,"user":{"id":"u2"},"ok":true}"#,
    r#"{"level":"INFO","ms":30,"user":{"id":"u1"},"ok":true,"dotted.name":7}"#,
    "plain ERROR of user=bob, method:GET, took 12 ms",
    "plain WARN of user=eve, method:PUT, took 5 ms",
    "2023-11-14T22:13:20.000Z\t01234567-89ab-cdef-0123-456789abcdef\tINFO\t{\"level\":\"DEBUG\",\"ms\":\"7\"}",
    "REPORT RequestId: 01234567-89ab-cdef-0123-456789abcdef\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 60 MB\tInit Duration: 100.25 ms\t",
    "START RequestId: 01234567-89ab-cdef-0123-456789abcdef Version: $LATEST",
];

fn run(text: &str) -> String {
    let query = match Query::parse(text) {
        Ok(query) => query,
        Err(error) => return format!("{} [{}..{}]", error.message, error.start, error.end),
    };
    let mut run = Run::new(&query, None, NOW_MS);
    for (at, message) in MESSAGES.iter().enumerate() {
        let goes_on = run.take(LogRecord {
            timestamp_ms: NOW_MS - at as i64 * 60_000,
            ingestion_ms: NOW_MS,
            stream: Cow::Borrowed(if at % 2 == 0 { "even" } else { "odd" }),
            log: Cow::Borrowed("123456789012:/g"),
            pointer: Cow::Owned(format!("p{at}")),
            message: Cow::Borrowed(message),
        });
        if !goes_on {
            break;
        }
    }
    let Ended::Complete(rows, matched) = run.finish() else {
        return "too large".to_owned();
    };
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            let values: Vec<String> = row
                .iter()
                .filter(|(name, _)| name != "@ptr")
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            values.join(" ")
        })
        .collect();
    format!("{matched}: {}", rows.join(" | "))
}

#[track_caller]
fn check(query: &str, expected: Expect) {
    expected.assert_eq(&run(query));
}

#[test]
fn fields_of_json_are_discovered() {
    check(
        "fields level, user.id, user.tags.1, dotted.name, ok | limit 3",
        expect![
            "3: level=ERROR user.id=u1 user.tags.1=b ok=0 | level=INFO user.id=u2 ok=1 | level=INFO user.id=u1 dotted.name=7 ok=1"
        ],
    );
    check(
        "fields level, ms | filter level = 'DEBUG'",
        expect!["1: level=DEBUG ms=7"],
    );
}

#[test]
fn fields_of_lambda_are_discovered() {
    check(
        "fields @timestamp, @type, @duration, @billedDuration, @memorySize, @maxMemoryUsed, @initDuration | filter @type = 'REPORT'",
        expect![
            "1: @timestamp=2023-11-14 22:07:20.000 @type=REPORT @duration=12.5 @billedDuration=13 @memorySize=128000000 @maxMemoryUsed=60000000 @initDuration=100.25"
        ],
    );
    check(
        "stats count(*) as n by @requestId",
        expect!["8: n=5 | @requestId=01234567-89ab-cdef-0123-456789abcdef n=3"],
    );
}

#[test]
fn without_fields_the_instant_and_the_message_are_shown() {
    check(
        "filter @message like /WARN/",
        expect![
            "1: @timestamp=2023-11-14 22:09:20.000 @message=plain WARN of user=eve, method:PUT, took 5 ms"
        ],
    );
    check(
        "fields @log, @logStream | limit 1",
        expect!["1: @log=123456789012:/g @logStream=even"],
    );
}

#[test]
fn filters_compare_match_and_join() {
    for (filter, expected) in [
        ("level = 'INFO' and ms > 20", "1"),
        ("level = \"ERROR\" or ms < 20", "3"),
        ("not (level = 'INFO') and ispresent(level)", "2"),
        ("level in ['ERROR', 'DEBUG']", "2"),
        ("level not in ['ERROR', 'DEBUG'] and ispresent(ms)", "2"),
        ("@message like 'plain'", "2"),
        ("@message not like 'plain'", "6"),
        ("@message =~ /user=[a-c]/", "1"),
        ("ok = true", "2"),
        ("ok = 0", "1"),
        ("ms >= 10 and ms <= 30", "2"),
        ("ms + 10 = 20 or ms * 2 = 60", "2"),
        ("ms % 20 = 10", "2"),
        ("-ms < -100", "1"),
        ("2 ^ 3 = 8 and ms = 10", "1"),
        ("`dotted.name` = 7", "1"),
        ("missing = 1", "0"),
        ("strcontains(@message, 'GET') = 1", "1"),
        ("strlen(level) = 4", "2"),
    ] {
        let found = run(&format!("filter {filter} | stats count(*) as n"));
        let count = found.split(':').next();
        assert_eq!(count, Some(expected), "{filter}: {found}");
    }
}

#[test]
fn stats_group_and_aggregate() {
    check(
        "stats count(*), sum(ms), avg(ms), min(ms), max(ms), stddev(ms), pct(ms, 50), count_distinct(level), count(level)",
        expect![
            "8: count(*)=8 sum(ms)=167 avg(ms)=41.75 min(ms)=7 max(ms)=120 stddev(ms)=46.03463370116026 pct(ms, 50)=20 count_distinct(level)=3 count(level)=4"
        ],
    );
    check(
        "stats count(*) as n, earliest(level) as first, latest(level) as last by bin(4m) as t | sort t desc",
        expect![
            "8: t=2023-11-14 22:12:00.000 n=2 first=INFO last=ERROR | t=2023-11-14 22:08:00.000 n=4 first=DEBUG last=INFO | t=2023-11-14 22:04:00.000 n=2"
        ],
    );
    check(
        "filter ispresent(ms) | stats sum(ms) / count(*) as mean by level | sort mean desc | limit 2",
        expect!["4: level=ERROR mean=120 | level=INFO mean=20"],
    );
    check(
        "stats max(ms) as m by level | filter m > 20 | stats count(*) as groups, sortsFirst(level) as f, sortsLast(level) as l",
        expect!["8: groups=2 f=ERROR l=INFO"],
    );
    check("filter level = 'none' | stats count(*)", expect!["0: "]);
}

#[test]
fn rows_are_sorted_limited_and_shown_once() {
    check(
        "fields ms | sort ms desc | limit 2",
        expect!["8: ms=120 | ms=30"],
    );
    check("fields ms | sort ms | limit 2", expect!["8: ms=7 | ms=10"]);
    check(
        "fields level | filter ispresent(level) | dedup level",
        expect!["3: level=ERROR | level=INFO | level=DEBUG"],
    );
    check(
        "fields level, ms | display ms | sort @timestamp asc | filter ms > 100",
        expect!["8: ms=120"],
    );
}

#[test]
fn messages_are_parsed_by_globs_and_regular_expressions() {
    check(
        "parse @message 'user=*, method:*, took * ms' as @user, @method, took | filter ispresent(@user) | display @user, @method, took",
        expect!["2: @user=bob @method=GET took=12 | @user=eve @method=PUT took=5"],
    );
    check(
        r"parse @message /took (?<took>\d+) ms/ | stats sum(took) as t",
        expect!["8: t=17"],
    );
    check(
        "parse 'user=*,' as u | filter u = 'eve' | fields u",
        expect!["1: u=eve"],
    );
}

#[test]
fn functions_of_numbers_texts_and_instants() {
    check(
        "fields abs(-2) as a, ceil(1.2) as b, floor(1.8) as c, greatest(1, 3, 2) as d, least(2, 1) as e, sqrt(9) as f | display a, b, c, d, e, f | limit 1",
        expect!["1: a=2 b=2 c=1 d=3 e=1 f=3"],
    );
    check(
        "fields concat(toupper('ab'), '-', tolower('CD')) as a, trim('  x ') as b, ltrim('xxa', 'x') as c, substr('hello', 1, 3) as d, replace('a-b', '-', '+') as e, coalesce(missing, 'z') as f, if(1 = 1, 'yes', 'no') as g | display a, b, c, d, e, f, g | limit 1",
        expect!["1: a=AB-cd b=x c=a d=ell e=a+b f=z g=yes"],
    );
    check(
        "fields datefloor(@timestamp, 1h) as a, dateceil(@timestamp, 1h) as b, toMillis(@timestamp) as c, fromMillis(0) as d, now() as e, bin(30s) as f | display a, b, c, d, e, f | limit 1",
        expect![
            "1: a=2023-11-14 22:00:00.000 b=2023-11-14 23:00:00.000 c=1700000000000 d=1970-01-01 00:00:00.000 e=1700000000 f=2023-11-14 22:13:00.000"
        ],
    );
    // What would be longer than a text may be is nothing.
    let long = "replace(replace('aaaaaaaaaa', 'a', 'bbbbbbbbbb'), 'b', @message)";
    assert_eq!(
        run(&format!("fields strlen({long}) as n | display n | limit 1")),
        "1: n=9200"
    );
    let longer = format!("replace({long}, 'e', {long})");
    assert_eq!(
        run(&format!(
            "fields strlen({longer}) as n | display n | limit 1"
        )),
        "1: "
    );
}

#[test]
fn comments_and_lines_are_as_people_write_them() {
    check(
        "# newest first\nfields level # the level\n| filter level = 'ERROR' # only these\n| LIMIT 5",
        expect!["1: level=ERROR"],
    );
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    check(
        "fields @timestamp\n| count()",
        expect!["unexpected symbol found count at line 2 and position 2 [20..25]"],
    );
    check(
        "",
        expect!["unexpected end of the query at line 1 and position 0 [0..0]"],
    );
    check(
        "fields a |",
        expect!["unexpected end of the query at line 1 and position 10 [10..10]"],
    );
    check(
        "filter a =",
        expect!["unexpected end of the query at line 1 and position 10 [10..10]"],
    );
    check(
        "filter a like b",
        expect!["unexpected symbol found b at line 1 and position 14 [14..15]"],
    );
    check(
        "filter 'open",
        expect!["unexpected end of a text at line 1 and position 7 [7..12]"],
    );
    check(
        "filter a like /open",
        expect!["unexpected end of a regular expression at line 1 and position 14 [14..19]"],
    );
    check(
        "filter a like /(/",
        expect![
            "invalid regular expression: error: unclosed group at line 1 and position 14 [14..17]"
        ],
    );
    check(
        "stats a by b",
        expect!["stats expects an aggregate such as count(*) at line 1 and position 6 [6..8]"],
    );
    check(
        "filter count(*) > 1",
        expect!["unexpected symbol found count at line 1 and position 7 [7..12]"],
    );
    check(
        "stats sum(avg(a))",
        expect!["unexpected symbol found avg at line 1 and position 10 [10..13]"],
    );
    check(
        "stats pct(a, 101)",
        expect!["a percentile is a number from 0 to 100 at line 1 and position 6 [6..17]"],
    );
    check(
        "limit 0",
        expect!["limit takes 1 to 10000 rows at line 1 and position 6 [6..7]"],
    );
    check(
        "parse 'a*b*' as x",
        expect!["parse has 2 * and 1 names at line 1 and position 6 [6..17]"],
    );
    check(
        "fields nope(a)",
        expect!["unknown function nope at line 1 and position 7 [7..11]"],
    );
    check(
        "fields strlen(a, b)",
        expect!["strlen takes 1..=1 arguments, not 2 at line 1 and position 7 [7..19]"],
    );
    check(
        "pattern @message",
        expect![
            "Stepwell does not implement the command pattern in queries yet at line 1 and position 0 [0..7]"
        ],
    );
    check(
        "fields jsonParse(a)",
        expect![
            "Stepwell does not implement the function jsonParse in queries yet at line 1 and position 7 [7..16]"
        ],
    );
    let deep = format!("filter {}1{}", "(".repeat(100), ")".repeat(100));
    assert!(
        run(&deep).contains("nested more than 60 deep"),
        "{}",
        run(&deep)
    );
    let long = format!("filter 1{}", " and 1".repeat(5_000));
    assert!(
        run(&long).contains("at most 4000 expressions"),
        "{}",
        run(&long)
    );
}

#[test]
fn a_needle_is_what_every_event_that_counts_has() {
    let needle = |text: &str| Query::parse(text).expect(text).needle();
    assert_eq!(
        needle("filter @message like /ERROR/ | limit 1").as_deref(),
        Some("ERROR")
    );
    assert_eq!(
        needle("fields a | filter @message like 'x' and @message like 'long'").as_deref(),
        Some("long")
    );
    assert_eq!(needle("filter @message like /a|b/"), None);
    assert_eq!(
        needle("filter @message like 'a' or @message like 'b'"),
        None
    );
    assert_eq!(needle("filter @message not like 'a'"), None);
    assert_eq!(
        needle("fields upper as @message | filter @message like 'a'"),
        None
    );
    assert_eq!(needle("stats count(*) | filter @message like 'a'"), None);
}

#[test]
fn the_texts_that_aggregates_keep_are_bounded() {
    let message = "x".repeat(1 << 20);
    // Later ones last: each is the latest.
    let ended = |text: &str| {
        let query = Query::parse(text).expect("it is a query");
        let mut run = Run::new(&query, None, NOW_MS);
        let mut taken = 0;
        while taken < 300 {
            taken += 1;
            let goes_on = run.take(LogRecord {
                timestamp_ms: NOW_MS + taken,
                ingestion_ms: NOW_MS,
                stream: Cow::Borrowed("s"),
                log: Cow::Borrowed("123456789012:/g"),
                pointer: Cow::Borrowed("p"),
                message: Cow::Borrowed(&message),
            });
            if !goes_on {
                break;
            }
        }
        (taken, run.finish())
    };
    let (taken, many) = ended("stats latest(@message) by @timestamp");
    assert!(matches!(many, Ended::TooLarge(_)));
    assert!(taken <= 256, "{taken} messages of 1 MiB");
    let (taken, one) = ended("stats latest(@message), earliest(@message)");
    assert!(matches!(one, Ended::Complete(rows, 300) if rows.len() == 1));
    assert_eq!(taken, 300);
}
