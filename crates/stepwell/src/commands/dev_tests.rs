#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;

use super::*;
use crate::{
    arguments::{Owner, Stack},
    fake::{Answer, Call, Fake},
};

const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: Orders
      DefinitionUri: orders.asl.json
      Role: arn:aws:iam::123456789012:role/any
";
const TEMPLATE_PART: &str = "  NAME:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: NAME
      DefinitionUri: returns.asl.json
      Role: arn:aws:iam::123456789012:role/any
";
const DEFINITION: &str = r#"{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}"#;

/// A server that keeps state machines by name.
fn server() -> Fake {
    let mut machines: BTreeMap<String, Value> = BTreeMap::new();
    Fake::serve(move |call: &Call| {
        let name = call.body["name"]
            .as_str()
            .unwrap_or_else(|| {
                names::short(call.body["stateMachineArn"].as_str().unwrap_or_default())
            })
            .to_owned();
        match call.operation.as_str() {
            "CreateStateMachine" => {
                machines.insert(name.clone(), call.body.clone());
                Answer::ok(
                    json!({ "stateMachineArn": format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}") }),
                )
            }
            "UpdateStateMachine"
                if call.body["definition"]
                    .as_str()
                    .is_some_and(|text| text.contains("Broken")) =>
            {
                Answer::error("InvalidDefinition", "no such type")
            }
            "UpdateStateMachine" => Answer::ok(json!({ "updateDate": 1.0 })),
            "DeleteStateMachine" => Answer::ok(json!({})),
            "ListTagsForResource" => {
                let arn = call.body["resourceArn"].as_str().unwrap_or_default();
                let tags = machines
                    .get(names::short(arn))
                    .map(|machine| machine["tags"].clone());
                Answer::ok(json!({ "tags": tags }))
            }
            _ => machines.get(&name).map_or_else(
                || Answer::error("StateMachineDoesNotExist", ""),
                |machine| Answer::ok(machine.clone()),
            ),
        }
    })
}

struct Bench {
    directory: PathBuf,
    fake: Fake,
    session: Session,
    seen: usize,
}

impl Bench {
    fn new(name: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("stepwell-dev-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("template.yaml"), TEMPLATE).unwrap();
        fs::write(directory.join("orders.asl.json"), DEFINITION).unwrap();
        fs::write(directory.join("returns.asl.json"), DEFINITION).unwrap();
        let fake = server();
        let stack = Stack {
            parameters: Vec::new(),
            stack_name: Some("shop".to_owned()),
        };
        let owner = Owner {
            region: Some("us-east-1".to_owned()),
            account: "123456789012".to_owned(),
        };
        let source = Source::new(&directory.join("template.yaml"), &stack, &owner).unwrap();
        let session = Session::new(
            Client::new(&fake.endpoint).unwrap(),
            source,
            Report::new(true),
            Stop::default(),
        );
        Self {
            directory,
            fake,
            session,
            seen: 0,
        }
    }

    /// Saves a file and reloads; returns the operations that were called, reads left out.
    fn save(&mut self, file: &str, text: &str) -> Vec<String> {
        let path = self.directory.join(file);
        fs::write(&path, text).unwrap();
        let changes = Changes {
            paths: BTreeSet::from([path.canonicalize().unwrap()]),
            is_everything: false,
        };
        if self.session.is_relevant(&changes) {
            self.reload(&changes)
        } else {
            vec!["(not relevant)".to_owned()]
        }
    }

    fn reload(&mut self, changes: &Changes) -> Vec<String> {
        self.session.reload(changes, Instant::now()).unwrap();
        let calls = self.fake.calls();
        let fresh = calls[self.seen..]
            .iter()
            .map(|call| call.operation.clone())
            .filter(|operation| {
                !["DescribeStateMachine", "ListTagsForResource"].contains(&operation.as_str())
            })
            .collect();
        self.seen = calls.len();
        fresh
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn a_saved_definition_is_updated_and_nothing_else_is_called() {
    let mut bench = Bench::new("definition");
    assert_eq!(bench.reload(&Changes::default()), ["CreateStateMachine"]);
    assert_eq!(
        bench.save("orders.asl.json", &DEFINITION.replace("Done", "Over")),
        ["UpdateStateMachine"]
    );
    assert_eq!(
        bench.save("orders.asl.json", &DEFINITION.replace("Done", "Over")),
        [""; 0],
        "saved without a change"
    );
    assert_eq!(bench.save("notes.txt", "x"), ["(not relevant)"]);
}

#[test]
fn a_refused_definition_is_sent_again_after_the_next_save() {
    let mut bench = Bench::new("refused");
    bench.reload(&Changes::default());
    assert_eq!(
        bench.save("orders.asl.json", &DEFINITION.replace("Done", "Broken")),
        ["UpdateStateMachine"]
    );
    assert_eq!(
        bench.save(
            "template.yaml",
            &TEMPLATE.replace("Name: Orders", "Name: Orders # same")
        ),
        ["UpdateStateMachine"]
    );
}

#[test]
fn a_broken_template_changes_nothing_and_any_save_may_mend_it() {
    let mut bench = Bench::new("template");
    bench.reload(&Changes::default());
    assert_eq!(bench.save("template.yaml", "Resources: ["), [""; 0]);
    assert!(bench.session.is_template_broken);
    let renamed = TEMPLATE.replace("Name: Orders", "Name: Sales");
    assert_eq!(
        bench.save("template.yaml", &renamed),
        ["CreateStateMachine", "DeleteStateMachine"],
        "a new name replaces the old resource"
    );
    assert!(!bench.session.is_template_broken);
}

#[test]
fn the_greeting_finds_a_sample_that_is_not_the_expectations() {
    let bench = Bench::new("sample");
    let events = bench.directory.join("events");
    fs::create_dir_all(&events).unwrap();
    assert!(samples::of(&bench.directory).is_empty());
    fs::write(
        events.join("expected.json"),
        r#"{"paid.json":{},"late.json":{}}"#,
    )
    .unwrap();
    for name in ["another.json", "late.json", "paid.json"] {
        fs::write(events.join(name), "{}").unwrap();
    }
    assert_eq!(
        samples::of(&bench.directory).first(),
        Some(&events.join("paid.json"))
    );
}

#[test]
fn nothing_is_deleted_while_anything_is_refused() {
    let mut bench = Bench::new("kept");
    let two = format!("{TEMPLATE}{}", TEMPLATE_PART.replace("NAME", "Returns"));
    fs::write(bench.directory.join("template.yaml"), &two).unwrap();
    assert_eq!(
        bench.reload(&Changes::default()),
        ["CreateStateMachine", "CreateStateMachine"]
    );
    bench.save("orders.asl.json", &DEFINITION.replace("Done", "Broken"));
    assert_eq!(
        bench.save("template.yaml", TEMPLATE),
        ["UpdateStateMachine"],
        "refused, so Returns stays"
    );
    assert_eq!(
        bench.save("orders.asl.json", DEFINITION),
        ["DeleteStateMachine"],
        "all is as it was, so Returns may go"
    );
}

#[test]
fn a_greeting_waits_for_something_to_be_deployed() {
    let mut bench = Bench::new("waiting");
    fs::write(bench.directory.join("template.yaml"), "Resources: [").unwrap();
    bench.reload(&Changes::default());
    bench.session.greet("http://127.0.0.1:1", Instant::now());
    assert!(!bench.session.is_greeted);
    bench.save("template.yaml", TEMPLATE);
    bench.session.greet("http://127.0.0.1:1", Instant::now());
    assert!(bench.session.is_greeted);
}

#[test]
fn a_store_that_dev_makes_is_ignored_by_git_and_an_existing_one_is_left_alone() {
    let bench = Bench::new("ignored");
    let data = bench.directory.join(DATA_DIRECTORY);
    create_data_directory(&data).unwrap();
    let file = data.join(".gitignore");
    assert_eq!(fs::read_to_string(&file).unwrap(), "*\n");
    fs::remove_file(&file).unwrap();
    create_data_directory(&data).unwrap();
    assert!(!file.exists());
}
