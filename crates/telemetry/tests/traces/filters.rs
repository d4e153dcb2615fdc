//! Filter expressions, summaries and graphs.

use serde_json::{Value, json};
use stepwell_api::EpochSeconds;
use stepwell_api::xray::{
    GetServiceGraphRequest, GetTimeSeriesServiceStatisticsRequest, GetTraceGraphRequest, Service,
};

use super::world::{NOW, NOW_MS, World, asked, segment, segment_id, trace_id, world};

/// 1: well and fast. 2: a fault further down, caught. 3: slow and throttled. 4: still open.
fn shop() -> World {
    let mut world = world();
    let call = |id: u64, name: &str, more: Value| {
        let mut call = json!({
            "id": segment_id(id), "name": name, "namespace": "aws",
            "start_time": NOW, "end_time": NOW + 0.4,
        });
        for (key, value) in more.as_object().expect("members") {
            call[key] = value.clone();
        }
        call
    };
    world.put(&[
        segment(
            1,
            1,
            "shop",
            json!({
                "origin": "AWS::ECS::Container",
                "http": {
                    "request": { "url": "http://shop.example.com/v2/cart", "method": "GET", "user_agent": "curl", "client_ip": "10.0.0.1" },
                    "response": { "status": 200 },
                },
                "annotations": { "account": "12345", "weight": 2.5, "is_new": true, "bad key": "x" },
                "user": "eve",
                "subsegments": [call(2, "DynamoDB", json!({ "aws": { "table_name": "carts", "operation": "GetItem" } }))],
            }),
        ),
        segment(
            2,
            1,
            "shop",
            json!({
                "origin": "AWS::ECS::Container",
                "http": { "request": { "url": "http://shop.example.com/v1/pay" }, "response": { "status": 200 } },
                "subsegments": [call(2, "Lambda", json!({ "fault": true }))],
            }),
        ),
        segment(
            2,
            3,
            "payments",
            json!({
                "origin": "AWS::Lambda", "parent_id": segment_id(2), "fault": true, "end_time": NOW + 0.3,
                "aws": { "account_id": "123456789012", "resource_names": ["arn:aws:lambda:eu-west-1:123456789012:function:payments"] },
                "cause": { "exceptions": [{ "id": "1", "type": "CardDeclined", "message": "no money" }] },
            }),
        ),
        segment(
            3,
            1,
            "shop",
            json!({
                "origin": "AWS::ECS::Container", "end_time": NOW + 8.0, "error": true, "throttle": true,
                "http": { "response": { "status": 429 } },
            }),
        ),
    ]);
    let mut open = segment(4, 1, "night", json!({ "in_progress": true }));
    open.as_object_mut().expect("members").remove("end_time");
    world.put(&[open]);
    world
}

#[test]
fn a_filter_expression_finds_what_it_says() {
    let world = shop();
    for (expression, wanted) in [
        ("", &[1, 2, 3, 4][..]),
        ("responsetime > 5", &[3]),
        ("duration >= 5 AND duration <= 8", &[3]),
        ("ok", &[1, 2, 4]),
        ("error", &[3]),
        ("throttle = true", &[3]),
        ("fault", &[]),
        ("partial", &[4]),
        ("ok !partial duration <3", &[1, 2]),
        ("!ok", &[3]),
        ("ok = false OR partial", &[3, 4]),
        ("http.status = 200", &[1, 2]),
        ("http.status != 200", &[3]),
        ("http.url CONTAINS \"/v2/\"", &[1]),
        (
            "http.url BEGINSWITH \"http://shop\" AND !(http.url CONTAINS \"v2\")",
            &[2],
        ),
        ("http.url ENDSWITH 'pay'", &[2]),
        (
            "http.method = \"GET\" http.useragent = \"curl\" http.clientip BEGINSWITH \"10.\"",
            &[1],
        ),
        ("user = \"eve\"", &[1]),
        ("annotation.account = \"12345\"", &[1]),
        ("annotation[account] = \"12345\"", &[1]),
        ("annotation.account", &[1]),
        ("!annotation.account", &[2, 3, 4]),
        ("annotation.weight > 2 AND annotation.weight < 3", &[1]),
        ("annotation.is_new = true", &[1]),
        ("annotation.is_new != true", &[]),
        ("annotation.bad", &[]),
        ("service(\"payments\")", &[2]),
        ("service(\"payments\") { fault }", &[2]),
        (
            "service(\"payments\") { fault = true AND responsetime > 2.5 }",
            &[],
        ),
        ("service(\"payments\") { responsetime < 0.35 }", &[2]),
        ("service() { fault }", &[2]),
        ("service { fault }", &[2]),
        ("!service(\"shop\")", &[4]),
        (
            "service(id(name: \"payments\", type: \"AWS::Lambda\"))",
            &[2],
        ),
        ("service(id(type: \"AWS::DynamoDB::Table\"))", &[1]),
        ("service(id(account.id: \"123456789012\"))", &[2]),
        ("service(\"carts\") { inferred }", &[1]),
        ("edge(\"shop\", \"payments\")", &[2]),
        ("edge(\"shop\", \"payments\") { fault }", &[2]),
        ("edge(\"payments\", \"shop\")", &[]),
        (
            "edge(\"shop\", id(type: \"AWS::DynamoDB::Table\")) { ok }",
            &[1],
        ),
        ("resource.arn CONTAINS \":function:payments\"", &[2]),
        ("rootcause.fault.service { name(\"payments\") }", &[2]),
        (
            "rootcause.fault.entity { message CONTAINS \"money\" }",
            &[2],
        ),
        ("rootcause.responsetime.service { name = \"night\" }", &[4]),
        ("rootcause.error.service", &[3]),
        ("group.name = \"slow\"", &[3]),
        ("group.name = \"slow\" AND ok", &[]),
        ("(error OR fault) AND (duration > 1)", &[3]),
    ] {
        assert_eq!(world.wanted(expression), wanted, "{expression}");
    }
}

#[test]
fn a_filter_expression_that_is_none_is_refused_in_words() {
    let world = world();
    for (expression, reason) in [
        ("responsetime >", "the expression ends too early"),
        ("responstime > 5", "unknown keyword 'responstime'"),
        (
            "responsetime = \"5\"",
            "'responsetime' cannot be compared in this way with this value",
        ),
        (
            "ok > true",
            "'ok' cannot be compared in this way with this value",
        ),
        (
            "http.url < \"a\"",
            "'http.url' cannot be compared in this way with this value",
        ),
        ("(ok", "')' expected at the end"),
        ("ok)", "unexpected ')'"),
        ("service(\"a\" { ok }", "')' expected, '{' found"),
        (
            "http.url = abc",
            "a value expected, 'abc' found; texts stand in quotation marks",
        ),
        ("http.url = \"abc", "the text \"abc has no end"),
        ("ok & error", "unexpected character '&'"),
        ("edge(\"a\",\"b\",\"c\")", "edge() takes two services"),
        ("group.name = \"nobody\"", "there is no group \"nobody\""),
        (
            "rootcause.json = \"{}\"",
            "Stepwell does not implement rootcause.json in filter expressions yet",
        ),
    ] {
        let message = world.refusal(expression);
        assert_eq!(
            message,
            format!("Invalid filter expression: {reason}"),
            "{expression}"
        );
    }
    let deep = "(".repeat(100) + "ok" + &")".repeat(100);
    assert!(world.refusal(&deep).contains("more than 32 deep"));
    let nots = "!".repeat(100) + "ok";
    assert!(world.refusal(&nots).contains("more than 32 deep"));
}

#[test]
fn a_summary_says_what_a_trace_is() {
    let world = shop();
    let result = world.summaries(&asked("annotation.account OR service(\"payments\")"));
    let summaries = result.trace_summaries.expect("a list");
    let first = &summaries[0];
    assert_eq!(first.id, Some(trace_id(1)));
    assert_eq!(
        (first.duration, first.response_time),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(
        (first.has_fault, first.is_partial),
        (Some(false), Some(false))
    );
    let http = first.http.as_ref().expect("a request");
    assert_eq!(
        http.http_url.as_deref(),
        Some("http://shop.example.com/v2/cart")
    );
    let annotations = first.annotations.as_ref().expect("annotations");
    let keys: Vec<&String> = annotations.keys().collect();
    assert_eq!(keys, ["account", "is_new", "weight"]);
    let entry = first.entry_point.as_ref().expect("a service");
    assert_eq!(entry.name.as_deref(), Some("shop"));
    assert_eq!(entry.r#type.as_deref(), Some("AWS::ECS::Container"));
    assert_eq!(
        first.users.as_ref().expect("users")[0].user_name.as_deref(),
        Some("eve")
    );
    let second = &summaries[1];
    assert_eq!(second.has_fault, Some(false), "the first segment went well");
    let causes = second.fault_root_causes.as_ref().expect("causes");
    let services = causes[0].services.as_ref().expect("services");
    let names: Vec<_> = services
        .iter()
        .filter_map(|service| service.name.as_deref())
        .collect();
    assert_eq!(names, ["shop", "payments"]);
    let entity = &services[1].entity_path.as_ref().expect("a path")[0];
    let exception = &entity.exceptions.as_ref().expect("exceptions")[0];
    assert_eq!(exception.name.as_deref(), Some("CardDeclined"));
}

fn named<'s>(services: &'s [Service], name: &str, kind: &str) -> &'s Service {
    services
        .iter()
        .find(|service| {
            service.name.as_deref() == Some(name) && service.r#type.as_deref() == Some(kind)
        })
        .unwrap_or_else(|| panic!("{name} of {kind} is in the graph"))
}

#[test]
fn a_graph_counts_services_and_the_calls_between_them() {
    let world = shop();
    let input = GetServiceGraphRequest {
        start_time: EpochSeconds::from_ms(NOW_MS - 1_000),
        end_time: EpochSeconds::from_ms(NOW_MS + 1_000),
        ..Default::default()
    };
    let reader = world.traces.reader();
    let graph = reader
        .get_service_graph(&input, None)
        .expect("a store")
        .expect("not refused");
    let services = graph.services.expect("a list");
    let shop = named(&services, "shop", "AWS::ECS::Container");
    let statistics = shop.summary_statistics.as_ref().expect("statistics");
    assert_eq!(
        (statistics.total_count, statistics.ok_count),
        (Some(3), Some(2))
    );
    let errors = statistics.error_statistics.as_ref().expect("errors");
    assert_eq!(errors.throttle_count, Some(1));
    let payments = named(&services, "payments", "AWS::Lambda");
    let edges = shop.edges.as_ref().expect("edges");
    let to_payments = edges
        .iter()
        .find(|edge| edge.reference_id == payments.reference_id)
        .expect("shop calls payments");
    let seen = to_payments.summary_statistics.as_ref().expect("statistics");
    assert_eq!(
        seen.fault_statistics.as_ref().expect("faults").total_count,
        Some(1)
    );
    named(&services, "carts", "AWS::DynamoDB::Table");
    named(&services, "shop", "client");
    let one = GetTraceGraphRequest {
        trace_ids: vec![trace_id(3)],
        next_token: None,
    };
    let graph = reader
        .get_trace_graph(&one)
        .expect("a store")
        .expect("not refused");
    assert_eq!(
        graph.services.expect("a list").len(),
        2,
        "the shop and its client"
    );
}

#[test]
fn a_graph_has_a_bounded_number_of_services() {
    let mut world = world();
    let documents: Vec<Value> = (0..700)
        .map(|number| {
            let name = format!("service-{number}");
            segment(number, u64::from(number) + 1, &name, json!({}))
        })
        .collect();
    world.put(&documents);
    let input = GetServiceGraphRequest {
        start_time: EpochSeconds::from_ms(NOW_MS - 1_000),
        end_time: EpochSeconds::from_ms(NOW_MS + 2_000),
        ..Default::default()
    };
    let graph = world.traces.reader().get_service_graph(&input, None);
    let graph = graph.expect("a store").expect("not refused");
    let services = graph.services.expect("a list");
    assert_eq!(services.len(), 1_000, "services and their clients");
    // Each client calls its service.
    let edges = services.iter().flat_map(|service| &service.edges).flatten();
    assert_eq!(edges.count(), 500);
}

#[test]
fn statistics_over_time_count_what_is_selected() {
    let world = shop();
    let mut input = GetTimeSeriesServiceStatisticsRequest {
        start_time: EpochSeconds::from_ms(NOW_MS - 60_000),
        end_time: EpochSeconds::from_ms(NOW_MS + 60_000),
        entity_selector_expression: Some("service(\"payments\")".to_owned()),
        ..Default::default()
    };
    let reader = world.traces.reader();
    let read = |input: &GetTimeSeriesServiceStatisticsRequest| {
        let read = reader.get_time_series_service_statistics(input, None, &|_| None);
        let result = read.expect("a store").expect("not refused");
        result.time_series_service_statistics.expect("a list")
    };
    let series = read(&input);
    assert_eq!(series.len(), 1);
    let statistics = series[0]
        .service_summary_statistics
        .as_ref()
        .expect("of a service");
    assert_eq!(statistics.total_count, Some(1));
    input.entity_selector_expression = Some("edge(\"shop\", \"payments\")".to_owned());
    let series = read(&input);
    let statistics = series[0]
        .edge_summary_statistics
        .as_ref()
        .expect("of a call");
    assert_eq!(
        statistics
            .fault_statistics
            .as_ref()
            .expect("faults")
            .total_count,
        Some(1)
    );
}
