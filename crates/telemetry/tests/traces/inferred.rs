//! Segments of services that send none.

use serde_json::{Value, json};

use super::world::{NOW, World, segment, segment_id, trace_id, world};

fn inferred(world: &World) -> Vec<Value> {
    let documents = world.all_documents(1).into_iter();
    documents
        .filter(|document| document["inferred"] == json!(true))
        .collect()
}

fn call(id: u64, name: &str, more: Value) -> Value {
    let mut call =
        json!({ "id": segment_id(id), "name": name, "start_time": NOW, "end_time": NOW + 0.5 });
    for (key, value) in more.as_object().expect("members") {
        call[key] = value.clone();
    }
    call
}

/// The calls of the guide's example: DynamoDB below a subsegment of the code's own, and SNS.
#[test]
fn a_call_of_a_service_that_sends_no_segment_has_an_inferred_one() {
    let mut world = world();
    let table = json!({
        "namespace": "aws",
        "http": { "response": { "status": 200, "content_length": 57 } },
        "aws": { "table_name": "users", "operation": "UpdateItem", "resource_names": ["users"] },
        "metadata": { "debug": { "seen": "by the caller alone" } },
    });
    let topic = json!({ "namespace": "aws", "aws": { "operation": "Publish" }, "fault": true });
    let own = json!({ "subsegments": [call(3, "DynamoDB", table)] });
    world.put(&[segment(
        1,
        1,
        "shop",
        json!({ "subsegments": [call(2, "## save", own), call(4, "SNS", topic)] }),
    )]);
    let names: Vec<Value> = world
        .all_documents(1)
        .iter()
        .map(|document| document["name"].clone())
        .collect();
    assert_eq!(names, ["shop", "DynamoDB", "SNS"], "those that came first");
    let mut found = inferred(&world);
    let ids: Vec<Value> = found.iter_mut().map(|one| one["id"].take()).collect();
    assert_eq!(
        found,
        [
            json!({
                "id": null, "name": "DynamoDB", "start_time": NOW, "end_time": NOW + 0.5,
                "parent_id": segment_id(3), "inferred": true, "trace_id": trace_id(1),
                "http": { "response": { "status": 200, "content_length": 57 } },
                "aws": { "table_name": "users", "operation": "UpdateItem", "resource_names": ["users"] },
                "origin": "AWS::DynamoDB::Table",
            }),
            json!({
                "id": null, "name": "SNS", "start_time": NOW, "end_time": NOW + 0.5,
                "parent_id": segment_id(4), "inferred": true, "trace_id": trace_id(1),
                "aws": { "operation": "Publish" }, "fault": true, "origin": "AWS::SNS",
            }),
        ]
    );
    let again: Vec<Value> = inferred(&world)
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, again, "a second read has the same ids");
}

#[test]
fn a_call_that_was_sent_alone_has_one_too() {
    let mut world = world();
    let alone = json!({
        "namespace": "aws", "type": "subsegment", "trace_id": trace_id(1), "parent_id": segment_id(9),
    });
    world.put(&[call(3, "DynamoDB", alone)]);
    let found = inferred(&world);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["parent_id"], segment_id(3).to_string());
}

#[test]
fn a_segment_that_has_come_and_code_of_ones_own_have_no_inferred_one() {
    let mut world = world();
    let queue = json!({ "namespace": "aws", "aws": { "queue_url": "http://q/1/jobs" } });
    let calls = json!([
        call(2, "Lambda", json!({ "namespace": "aws" })),
        call(3, "## own", json!({})),
        call(4, "names.example.com", json!({ "namespace": "remote" })),
        call(5, "SQS", queue),
    ]);
    world.put(&[
        segment(1, 1, "shop", json!({ "subsegments": calls })),
        segment(1, 9, "save", json!({ "parent_id": segment_id(2) })),
    ]);
    let found = inferred(&world);
    let told: Vec<(&Value, Option<&Value>)> = found
        .iter()
        .map(|one| (&one["name"], one.get("origin")))
        .collect();
    let (remote, sqs) = (json!("names.example.com"), json!("SQS"));
    assert_eq!(
        told,
        [(&remote, None), (&sqs, Some(&json!("AWS::SQS::Queue")))]
    );
    // Once the service has sent its own, that is all.
    world.put(&[
        segment(1, 10, "names", json!({ "parent_id": segment_id(4) })),
        segment(1, 11, "jobs", json!({ "parent_id": segment_id(5) })),
    ]);
    assert_eq!(inferred(&world), Vec::<Value>::new());
}
