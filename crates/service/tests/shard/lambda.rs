//! Versions, aliases, layers, policies and settings of functions, as texts of Lambda's operations.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stepwell_service::{Effect, FunctionCode, LambdaRequest, LostTask, Read, Reader, Request};

use crate::world::{World, answer_text, refusal_text, store_of};

/// Key kinds: package chunks, versions, aliases, settings, layers, marks on packages.
const KINDS: [(u8, &str); 6] = [
    (14, "chunks"),
    (32, "versions"),
    (33, "aliases"),
    (34, "settings"),
    (35, "layers"),
    (36, "marks"),
];

/// A world and the ids that it has shown, so that texts can name them.
struct Lambda {
    world: World,
    revisions: BTreeMap<String, String>,
    out: String,
}

impl Lambda {
    fn new() -> Lambda {
        Lambda {
            world: World::new(),
            revisions: BTreeMap::new(),
            out: String::new(),
        }
    }

    /// A function `f` whose package is the text `one`.
    fn with_function() -> Lambda {
        let mut lambda = Lambda::new();
        let created = lambda.answer("CreateFunction one", &creation("f", json!({})));
        assert!(created.contains("\"Active\""), "{created}");
        lambda
    }

    /// Carries out `OPERATION` or `OPERATION TEXT-OF-THE-PACKAGE`, and writes down what came of it.
    fn ask(&mut self, operation: &str, input: Value) -> &mut Lambda {
        let answer = self.answer(operation, &input.to_string());
        let line = format!(
            "{operation} {}\n  {answer}\n",
            shortened(&input.to_string())
        );
        self.out.push_str(&line);
        self
    }

    fn ends(&mut self, expected: Expect) {
        expected.assert_eq(&std::mem::take(&mut self.out));
    }

    fn answer(&mut self, operation: &str, input: &str) -> String {
        let (name, package) = operation.split_once(' ').unwrap_or((operation, ""));
        let answer = match request(name, input, package) {
            Some(request) => {
                self.world.apply(request);
                let mut answers = self.world.commit().answers;
                answer_text(answers.pop().expect("an answer").1)
            }
            None => read(&self.world.reader(), name, input),
        };
        self.masked(&answer)
    }

    /// Revisions are random: they are named `r1`, `r2`, ... in the order in which they were seen.
    fn masked(&mut self, answer: &str) -> String {
        let mut text = answer.to_string();
        if let Ok(value) = serde_json::from_str::<Value>(answer) {
            let mut ids = Vec::new();
            revisions(&value, &mut ids);
            for id in ids {
                let next = format!("r{}", self.revisions.len() + 1);
                self.revisions.entry(id).or_insert(next);
            }
        }
        for (id, name) in &self.revisions {
            text = text.replace(id, name);
        }
        shortened(&text)
    }

    fn rows(&self) -> String {
        let kinds = self.world.kinds();
        let count =
            |(kind, name): &(u8, &str)| format!("{name} {}", kinds.get(kind).copied().unwrap_or(0));
        KINDS.iter().map(count).collect::<Vec<_>>().join(", ")
    }

    fn revision(&self, name: &str) -> String {
        let found = self.revisions.iter().find(|(_, shown)| *shown == name);
        found.expect("a revision that was shown").0.clone()
    }
}

fn revisions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(id) if name == "RevisionId" => found.push(id.clone()),
                    _ => revisions(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| revisions(item, found)),
        _ => {}
    }
}

/// What is the same in every text says nothing.
fn shortened(text: &str) -> String {
    text.replace("arn:aws:lambda:us-east-1:123456789012:", "~")
}

fn creation(name: &str, more: Value) -> String {
    let mut input = json!({
        "FunctionName": name,
        "Runtime": "nodejs22.x",
        "Role": "arn:aws:iam::123456789012:role/r",
        "Handler": "index.handler",
        "Code": {},
    });
    for (key, value) in more.as_object().expect("an object") {
        input[key] = value.clone();
    }
    input.to_string()
}

fn code(text: &str) -> FunctionCode {
    // The shell names a package by its hash; any name that differs where the texts differ will do here.
    let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    FunctionCode {
        zip: text.as_bytes().to_vec(),
        package: format!("{digits:0>64}"),
        code_sha256: format!("sha-{text}"),
        unzipped_bytes: text.len() as u64,
    }
}

fn parsed<T: DeserializeOwned>(input: &str) -> T {
    serde_json::from_str(input).expect("an input")
}

fn request(operation: &str, input: &str, package: &str) -> Option<Request> {
    use LambdaRequest as L;
    Some(Request::Lambda(match operation {
        "CreateFunction" => {
            return Some(Request::CreateFunction(
                Box::new(parsed(input)),
                code(package),
            ));
        }
        "UpdateFunctionCode" => {
            return Some(Request::UpdateFunctionCode(
                Box::new(parsed(input)),
                code(package),
            ));
        }
        "UpdateFunctionConfiguration" => {
            return Some(Request::UpdateFunctionConfiguration(Box::new(parsed(
                input,
            ))));
        }
        "DeleteFunction" => return Some(Request::DeleteFunction(parsed(input))),
        "PublishVersion" => L::PublishVersion(parsed(input)),
        "CreateAlias" => L::CreateAlias(parsed(input)),
        "UpdateAlias" => L::UpdateAlias(parsed(input)),
        "DeleteAlias" => L::DeleteAlias(parsed(input)),
        "PublishLayerVersion" => L::PublishLayerVersion(Box::new(parsed(input)), code(package)),
        "DeleteLayerVersion" => L::DeleteLayerVersion(parsed(input)),
        "AddLayerVersionPermission" => L::AddLayerVersionPermission(parsed(input)),
        "RemoveLayerVersionPermission" => L::RemoveLayerVersionPermission(parsed(input)),
        "AddPermission" => L::AddPermission(parsed(input)),
        "RemovePermission" => L::RemovePermission(parsed(input)),
        "PutFunctionConcurrency" => L::PutFunctionConcurrency(parsed(input)),
        "DeleteFunctionConcurrency" => L::DeleteFunctionConcurrency(parsed(input)),
        "PutProvisionedConcurrencyConfig" => L::PutProvisionedConcurrencyConfig(parsed(input)),
        "DeleteProvisionedConcurrencyConfig" => {
            L::DeleteProvisionedConcurrencyConfig(parsed(input))
        }
        "PutFunctionRecursionConfig" => L::PutFunctionRecursionConfig(parsed(input)),
        "PutRuntimeManagementConfig" => L::PutRuntimeManagementConfig(parsed(input)),
        "TagResource" => L::TagResource(parsed(input)),
        "UntagResource" => L::UntagResource(parsed(input)),
        _ => return None,
    }))
}

fn read(reader: &Reader, operation: &str, input: &str) -> String {
    match operation {
        "GetFunctionConfiguration" => shown(reader.get_function_configuration(&parsed(input))),
        "GetFunction" => shown(reader.get_function(&parsed(input))),
        "ListFunctions" => shown(reader.list_functions(&parsed(input))),
        "ListVersionsByFunction" => shown(reader.list_versions_by_function(&parsed(input))),
        "GetAlias" => shown(reader.get_alias(&parsed(input))),
        "ListAliases" => shown(reader.list_aliases(&parsed(input))),
        "GetLayerVersion" => shown(reader.layer_version(&parsed(input))),
        "GetLayerVersionByArn" => shown(reader.layer_version_by_arn(&parsed(input))),
        "GetLayerVersionPolicy" => shown(reader.get_layer_version_policy(&parsed(input))),
        "ListLayers" => shown(reader.list_layers(&parsed(input))),
        "ListLayerVersions" => shown(reader.list_layer_versions(&parsed(input))),
        "GetPolicy" => shown(reader.get_function_policy(&parsed(input))),
        "GetFunctionConcurrency" => shown(reader.get_function_concurrency(&parsed(input))),
        "GetProvisionedConcurrencyConfig" => {
            shown(reader.get_provisioned_concurrency_config(&parsed(input)))
        }
        "ListProvisionedConcurrencyConfigs" => {
            shown(reader.list_provisioned_concurrency_configs(&parsed(input)))
        }
        "GetAccountSettings" => shown(reader.get_account_settings(&parsed(input))),
        "ListTags" => shown(reader.list_tags(&parsed(input))),
        "GetFunctionRecursionConfig" => shown(reader.get_function_recursion_config(&parsed(input))),
        "GetRuntimeManagementConfig" => shown(reader.get_runtime_management_config(&parsed(input))),
        other => panic!("no operation {other}"),
    }
}

fn shown<T: Serialize>(answer: Read<T>) -> String {
    match answer.expect("rows") {
        Ok(output) => serde_json::to_string(&output).expect("JSON"),
        Err(refusal) => refusal_text(refusal),
    }
}

/// What an invocation runs: version, invoked ARN, alias, reserved and provisioned concurrency.
fn invoked(lambda: &Lambda, text: &str, qualifier: Option<&str>, draw: u64) -> String {
    let answer = lambda.world.reader().invocable(text, qualifier, draw);
    shortened(&match answer.expect("rows") {
        Err(refusal) => refusal_text(refusal),
        Ok(it) => format!(
            "{} as {} alias {:?} reserved {:?} provisioned {:?}",
            it.row.version,
            it.invoked_arn,
            it.alias,
            it.reserved_concurrency,
            it.provisioned_concurrency
        ),
    })
}

fn members(text: &str, names: &[&str]) -> Value {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
    Value::Array(names.iter().map(|name| value[*name].clone()).collect())
}

#[test]
fn a_version_is_published_once_for_each_code_and_configuration() {
    let mut lambda = Lambda::with_function();
    let publish = |lambda: &mut Lambda, input: Value| {
        let answer = lambda.answer("PublishVersion", &input.to_string());
        members(
            &answer,
            &["Version", "FunctionArn", "Description", "CodeSha256"],
        )
    };
    let first = json!({ "FunctionName": "f", "Description": "first" });
    let version = json!(["1", "~function:f:1", "first", "sha-one"]);
    assert_eq!(publish(&mut lambda, first.clone()), version);
    assert_eq!(publish(&mut lambda, first), version, "nothing has changed");
    let same_configuration = json!({ "FunctionName": "f", "Timeout": 3 });
    lambda.answer(
        "UpdateFunctionConfiguration",
        &same_configuration.to_string(),
    );
    assert_eq!(
        publish(&mut lambda, json!({ "FunctionName": "f" })),
        version
    );

    lambda.answer(
        "UpdateFunctionConfiguration",
        r#"{"FunctionName": "f", "Timeout": 4}"#,
    );
    let second = publish(&mut lambda, json!({ "FunctionName": "f" }));
    assert_eq!(second, json!(["2", "~function:f:2", "", "sha-one"]));
    let answer = lambda.answer(
        "UpdateFunctionCode two",
        r#"{"FunctionName": "f", "Publish": true}"#,
    );
    let third = members(
        &answer,
        &["Version", "FunctionArn", "CodeSha256", "Timeout"],
    );
    assert_eq!(third, json!(["3", "~function:f:3", "sha-two", 4]));
    let kept = lambda.answer(
        "GetFunctionConfiguration",
        r#"{"FunctionName": "f", "Qualifier": "1"}"#,
    );
    let kept = members(
        &kept,
        &["Version", "FunctionArn", "CodeSha256", "Timeout", "State"],
    );
    assert_eq!(kept, json!(["1", "~function:f:1", "sha-one", 3, "Active"]));
}

#[test]
fn publishing_holds_to_its_conditions() {
    let mut lambda = Lambda::with_function();
    lambda
        .ask(
            "PublishVersion",
            json!({ "FunctionName": "f", "CodeSha256": "sha-two" }),
        )
        .ask(
            "PublishVersion",
            json!({ "FunctionName": "f", "RevisionId": "old" }),
        )
        .ask(
            "PublishVersion",
            json!({ "FunctionName": "f", "PublishTo": "LATEST_PUBLISHED" }),
        )
        .ask("PublishVersion", json!({ "FunctionName": "f:7" }))
        .ask("PublishVersion", json!({ "FunctionName": "g" }))
        .ask(
            "PublishVersion",
            json!({ "FunctionName": "arn:aws:lambda:us-east-1:999999999999:function:f" }),
        )
        .ends(expect![[r#"
            PublishVersion {"FunctionName":"f","CodeSha256":"sha-two"}
              ! InvalidParameterValueException: CodeSHA256 (sha-two) is different from current CodeSHA256 in $LATEST (sha-one). Please try again with the CodeSHA256 in $LATEST.
            PublishVersion {"FunctionName":"f","RevisionId":"old"}
              ! PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id
            PublishVersion {"FunctionName":"f","PublishTo":"LATEST_PUBLISHED"}
              ! NotImplemented: Stepwell does not implement PublishTo of PublishVersion yet
            PublishVersion {"FunctionName":"f:7"}
              ! InvalidParameterValueException: 7 of f is a version or an alias; only $LATEST can be changed
            PublishVersion {"FunctionName":"g"}
              ! ResourceNotFoundException: Function not found: ~function:g
            PublishVersion {"FunctionName":"arn:aws:lambda:us-east-1:999999999999:function:f"}
              ! ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:999999999999:function:f
        "#]]);
    let revision = lambda.revision("r1");
    let input = json!({ "FunctionName": "f", "CodeSha256": "sha-one", "RevisionId": revision });
    let answer = lambda.answer("PublishVersion", &input.to_string());
    assert_eq!(members(&answer, &["Version"]), json!(["1"]));
}

#[test]
fn a_function_can_be_published_as_it_is_created() {
    let mut lambda = Lambda::new();
    let created = lambda.answer(
        "CreateFunction one",
        &creation("f", json!({ "Publish": true })),
    );
    let shown = members(&created, &["Version", "FunctionArn"]);
    assert_eq!(
        shown,
        json!(["1", "~function:f"]),
        "AWS: under the function's own ARN"
    );
    let versions = lambda.answer("ListVersionsByFunction", r#"{"FunctionName": "f"}"#);
    let versions: Value = serde_json::from_str(&versions).expect("JSON");
    let arns: Vec<&Value> = versions["Versions"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|version| &version["FunctionArn"])
        .collect();
    assert_eq!(arns, ["~function:f:$LATEST", "~function:f:1"]);
}

#[test]
fn an_invocation_runs_what_its_name_means() {
    let mut lambda = Lambda::with_function();
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    lambda.answer(
        "UpdateFunctionCode two",
        r#"{"FunctionName": "f", "Publish": true}"#,
    );
    let alias = json!({
        "FunctionName": "f", "Name": "live", "FunctionVersion": "1",
        "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.25 } },
    });
    lambda.answer("CreateAlias", &alias.to_string());
    let latest = json!({ "FunctionName": "f", "Name": "dev", "FunctionVersion": "$LATEST" });
    lambda.answer("CreateAlias", &latest.to_string());
    lambda.answer(
        "PutFunctionConcurrency",
        r#"{"FunctionName": "f", "ReservedConcurrentExecutions": 5}"#,
    );
    let provisioned =
        r#"{"FunctionName": "f", "Qualifier": "live", "ProvisionedConcurrentExecutions": 2}"#;
    lambda.answer("PutProvisionedConcurrencyConfig", provisioned);
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let quarter = 1u64 << 62;
    let texts = [
        invoked(&lambda, "f", None, 0),
        invoked(&lambda, "f", Some("$LATEST"), 0),
        invoked(&lambda, "f", Some("1"), 0),
        invoked(&lambda, "f:2", None, 0),
        invoked(&lambda, &format!("{arn}:2"), Some("2"), 0),
        invoked(&lambda, "123456789012:function:f:2", None, 0),
        invoked(&lambda, "function:f:2", None, 0),
        invoked(&lambda, "f:2:3", None, 0),
        invoked(
            &lambda,
            "arn:aws:lambda:us-east-1:123456789012:layer:f",
            None,
            0,
        ),
        invoked(&lambda, "f", Some("live"), quarter - 1),
        invoked(&lambda, &format!("{arn}:live"), None, quarter),
        invoked(&lambda, "f:dev", None, 0),
        invoked(&lambda, "f:2", Some("live"), 0),
        invoked(&lambda, "f", Some("3"), 0),
        invoked(&lambda, "f", Some("01"), 0),
        invoked(&lambda, "f", Some("gone"), 0),
        invoked(&lambda, "g", None, 0),
    ];
    expect![[r#"
        $LATEST as ~function:f alias None reserved Some(5) provisioned None
        $LATEST as ~function:f:$LATEST alias None reserved Some(5) provisioned None
        1 as ~function:f:1 alias None reserved Some(5) provisioned Some(2)
        2 as ~function:f:2 alias None reserved Some(5) provisioned None
        2 as ~function:f:2 alias None reserved Some(5) provisioned None
        2 as ~function:f:2 alias None reserved Some(5) provisioned None
        2 as ~function:f:2 alias None reserved Some(5) provisioned None
        ! InvalidParameterValueException: 'f:2:3' is not a function name, partial ARN or ARN
        ! InvalidParameterValueException: '~layer:f' is not a function name, partial ARN or ARN
        2 as ~function:f:live alias Some("live") reserved Some(5) provisioned None
        1 as ~function:f:live alias Some("live") reserved Some(5) provisioned Some(2)
        $LATEST as ~function:f:dev alias Some("dev") reserved Some(5) provisioned None
        ! InvalidParameterValueException: The derived qualifier from the function name does not match the specified qualifier.
        ! ResourceNotFoundException: Function not found: ~function:f:3
        ! ResourceNotFoundException: Function not found: ~function:f:01
        ! ResourceNotFoundException: Function not found: ~function:f:gone
        ! ResourceNotFoundException: Function not found: ~function:g:$LATEST
    "#]].assert_eq(&(texts.join("\n") + "\n"));
}

#[test]
fn aliases_are_created_updated_and_listed() {
    let mut lambda = Lambda::with_function();
    for package in ["two", "three"] {
        let operation = format!("UpdateFunctionCode {package}");
        lambda.answer(&operation, r#"{"FunctionName": "f", "Publish": true}"#);
    }
    let weights =
        |version: &str, weight: f64| json!({ "AdditionalVersionWeights": { version: weight } });
    lambda
        .ask("CreateAlias", json!({ "FunctionName": "f", "Name": "live", "FunctionVersion": "1", "Description": "d" }))
        .ask("UpdateAlias", json!({ "FunctionName": "f", "Name": "live", "RoutingConfig": weights("2", 0.1) }))
        .ask("UpdateAlias", json!({ "FunctionName": "f", "Name": "live", "Description": "e" }))
        .ask("UpdateAlias", json!({ "FunctionName": "f", "Name": "live", "FunctionVersion": "2", "RoutingConfig": {} }))
        .ask("CreateAlias", json!({ "FunctionName": "f", "Name": "dev", "FunctionVersion": "$LATEST" }))
        .ask("GetAlias", json!({ "FunctionName": "f", "Name": "live" }))
        .ask("GetFunctionConfiguration", json!({ "FunctionName": "f:nope" }))
        .ask("ListAliases", json!({ "FunctionName": "f", "FunctionVersion": "2" }))
        .ask("DeleteAlias", json!({ "FunctionName": "f", "Name": "live" }))
        .ask("DeleteAlias", json!({ "FunctionName": "f", "Name": "live" }))
        .ask("GetAlias", json!({ "FunctionName": "f", "Name": "live" }))
        .ends(expect![[r#"
            CreateAlias {"FunctionName":"f","Name":"live","FunctionVersion":"1","Description":"d"}
              {"AliasArn":"~function:f:live","Name":"live","FunctionVersion":"1","Description":"d","RevisionId":"r4"}
            UpdateAlias {"FunctionName":"f","Name":"live","RoutingConfig":{"AdditionalVersionWeights":{"2":0.1}}}
              {"AliasArn":"~function:f:live","Name":"live","FunctionVersion":"1","Description":"d","RoutingConfig":{"AdditionalVersionWeights":{"2":0.1}},"RevisionId":"r5"}
            UpdateAlias {"FunctionName":"f","Name":"live","Description":"e"}
              {"AliasArn":"~function:f:live","Name":"live","FunctionVersion":"1","Description":"e","RoutingConfig":{"AdditionalVersionWeights":{"2":0.1}},"RevisionId":"r6"}
            UpdateAlias {"FunctionName":"f","Name":"live","FunctionVersion":"2","RoutingConfig":{}}
              {"AliasArn":"~function:f:live","Name":"live","FunctionVersion":"2","Description":"e","RevisionId":"r7"}
            CreateAlias {"FunctionName":"f","Name":"dev","FunctionVersion":"$LATEST"}
              {"AliasArn":"~function:f:dev","Name":"dev","FunctionVersion":"$LATEST","Description":"","RevisionId":"r8"}
            GetAlias {"FunctionName":"f","Name":"live"}
              {"AliasArn":"~function:f:live","Name":"live","FunctionVersion":"2","Description":"e","RevisionId":"r7"}
            GetFunctionConfiguration {"FunctionName":"f:nope"}
              ! ResourceNotFoundException: Function not found: ~function:f:nope
            ListAliases {"FunctionName":"f","FunctionVersion":"2"}
              {"Aliases":[{"AliasArn":"~function:f:live","Name":"live","FunctionVersion":"2","Description":"e","RevisionId":"r7"}]}
            DeleteAlias {"FunctionName":"f","Name":"live"}
              nothing
            DeleteAlias {"FunctionName":"f","Name":"live"}
              nothing
            GetAlias {"FunctionName":"f","Name":"live"}
              ! ResourceNotFoundException: Cannot find alias arn: ~function:f:live
        "#]]);
    let described = lambda.answer(
        "GetFunctionConfiguration",
        r#"{"FunctionName": "f", "Qualifier": "dev"}"#,
    );
    let described = members(&described, &["FunctionArn", "Version"]);
    assert_eq!(described, json!(["~function:f:dev", "$LATEST"]));
}

#[test]
fn what_is_not_right_about_an_alias_is_refused() {
    let mut lambda = Lambda::with_function();
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    let other_role = r#"{"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/s"}"#;
    lambda.answer("UpdateFunctionConfiguration", other_role);
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    lambda.answer(
        "CreateAlias",
        r#"{"FunctionName": "f", "Name": "a", "FunctionVersion": "1"}"#,
    );
    let rows = lambda.world.rows();
    let create = |version: &str, weights: Value| json!({ "FunctionName": "f", "Name": "b", "FunctionVersion": version, "RoutingConfig": { "AdditionalVersionWeights": weights } });
    lambda
        .ask(
            "CreateAlias",
            json!({ "FunctionName": "f", "Name": "a", "FunctionVersion": "1" }),
        )
        .ask("CreateAlias", create("9", json!({})))
        .ask("CreateAlias", create("1", json!({ "9": 0.5 })))
        .ask("CreateAlias", create("1", json!({ "1": 0.5 })))
        .ask("CreateAlias", create("1", json!({ "2": 0.5, "3": 0.2 })))
        .ask("CreateAlias", create("$LATEST", json!({ "1": 0.5 })))
        .ask("CreateAlias", create("1", json!({ "2": 0.5 })))
        .ask(
            "UpdateAlias",
            json!({ "FunctionName": "f", "Name": "a", "RevisionId": "old" }),
        )
        .ask("UpdateAlias", json!({ "FunctionName": "f", "Name": "c" }))
        .ask(
            "DeleteFunction",
            json!({ "FunctionName": "f", "Qualifier": "1" }),
        )
        .ask(
            "DeleteFunction",
            json!({ "FunctionName": "f", "Qualifier": "a" }),
        )
        .ask(
            "DeleteFunction",
            json!({ "FunctionName": "f", "Qualifier": "$LATEST" }),
        )
        .ask(
            "DeleteFunction",
            json!({ "FunctionName": "f", "Qualifier": "9" }),
        )
        .ask(
            "ListAliases",
            json!({ "FunctionName": "f", "Marker": "nonsense" }),
        )
        .ends(expect![[r#"
            CreateAlias {"FunctionName":"f","Name":"a","FunctionVersion":"1"}
              ! ResourceConflictException: Alias already exists: ~function:f:a
            CreateAlias {"FunctionName":"f","Name":"b","FunctionVersion":"9","RoutingConfig":{"AdditionalVersionWeights":{}}}
              ! ResourceNotFoundException: Function not found: ~function:f:9
            CreateAlias {"FunctionName":"f","Name":"b","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"9":0.5}}}
              ! ResourceNotFoundException: Function not found: ~function:f:9
            CreateAlias {"FunctionName":"f","Name":"b","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"1":0.5}}}
              ! InvalidParameterValueException: Invalid function version 1. Function version 1 is already included in routing configuration.
            CreateAlias {"FunctionName":"f","Name":"b","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.5,"3":0.2}}}
              ! InvalidParameterValueException: Number of items in AdditionalVersionWeights cannot be greater than 1, but is 2
            CreateAlias {"FunctionName":"f","Name":"b","FunctionVersion":"$LATEST","RoutingConfig":{"AdditionalVersionWeights":{"1":0.5}}}
              ! InvalidParameterValueException: $LATEST is not supported for an alias pointing to more than 1 version
            CreateAlias {"FunctionName":"f","Name":"b","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.5}}}
              ! InvalidParameterValueException: Both versions of an alias must have one execution role: version 1 has arn:aws:iam::123456789012:role/r, version 2 has arn:aws:iam::123456789012:role/s
            UpdateAlias {"FunctionName":"f","Name":"a","RevisionId":"old"}
              ! PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id
            UpdateAlias {"FunctionName":"f","Name":"c"}
              ! ResourceNotFoundException: Cannot find alias arn: ~function:f:c
            DeleteFunction {"FunctionName":"f","Qualifier":"1"}
              ! ResourceConflictException: Version 1 of f cannot be deleted: the aliases [a] route to it
            DeleteFunction {"FunctionName":"f","Qualifier":"a"}
              ! InvalidParameterValueException: Deletion of aliases is not currently supported.
            DeleteFunction {"FunctionName":"f","Qualifier":"$LATEST"}
              ! InvalidParameterValueException: $LATEST version cannot be deleted without deleting the function.
            DeleteFunction {"FunctionName":"f","Qualifier":"9"}
              ! ResourceNotFoundException: Function not found: ~function:f:9
            ListAliases {"FunctionName":"f","Marker":"nonsense"}
              ! InvalidParameterValueException: The provided Marker is not valid
        "#]]);
    assert_eq!(lambda.world.rows(), rows);
}

#[test]
fn packages_stay_while_a_version_or_a_layer_has_them() {
    let mut lambda = Lambda::with_function();
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    lambda.answer("UpdateFunctionCode two", r#"{"FunctionName": "f"}"#);
    let mut seen = vec![lambda.rows()];
    lambda.answer(
        "PublishLayerVersion one",
        r#"{"LayerName": "l", "Content": {}}"#,
    );
    lambda.answer(
        "DeleteFunction",
        r#"{"FunctionName": "f", "Qualifier": "1"}"#,
    );
    seen.push(lambda.rows());
    let layer = json!({ "FunctionName": "f", "Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"] });
    lambda.answer("UpdateFunctionConfiguration", &layer.to_string());
    lambda.answer(
        "DeleteLayerVersion",
        r#"{"LayerName": "l", "VersionNumber": 1}"#,
    );
    seen.push(lambda.rows());
    let row = lambda
        .world
        .reader()
        .function("f", None)
        .expect("rows")
        .expect("found");
    let package = lambda.world.reader().package(&row.layers[0].package);
    assert_eq!(
        package.expect("a layer's zip"),
        b"one",
        "the layer works on"
    );
    lambda.answer(
        "UpdateFunctionConfiguration",
        r#"{"FunctionName": "f", "Layers": []}"#,
    );
    seen.push(lambda.rows());
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    lambda.answer(
        "CreateAlias",
        r#"{"FunctionName": "f", "Name": "a", "FunctionVersion": "2"}"#,
    );
    let reserve = r#"{"FunctionName": "f", "ReservedConcurrentExecutions": 5}"#;
    lambda.answer("PutFunctionConcurrency", reserve);
    let allow = json!({ "FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*" });
    lambda.answer("AddPermission", &allow.to_string());
    seen.push(lambda.rows());
    lambda.answer("DeleteFunction", r#"{"FunctionName": "f"}"#);
    seen.push(lambda.rows());
    expect![[r#"
        chunks 2, versions 2, aliases 0, settings 0, layers 0, marks 3
        chunks 2, versions 1, aliases 0, settings 0, layers 2, marks 3
        chunks 2, versions 1, aliases 0, settings 0, layers 1, marks 3
        chunks 1, versions 1, aliases 0, settings 0, layers 1, marks 2
        chunks 1, versions 2, aliases 1, settings 2, layers 1, marks 3
        chunks 0, versions 1, aliases 0, settings 0, layers 1, marks 1
    "#]]
    .assert_eq(&(seen.join("\n") + "\n"));

    lambda.answer("CreateFunction one", &creation("f", json!({})));
    let again = lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    assert_eq!(
        members(&again, &["Version"]),
        json!(["3"]),
        "numbers are never given out again"
    );
    let concurrency = lambda.answer("GetFunctionConcurrency", r#"{"FunctionName": "f"}"#);
    assert_eq!(concurrency, "{}", "nothing of the old function is left");
}

#[test]
fn layers_are_published_found_and_listed() {
    let mut lambda = Lambda::new();
    let publish = |runtimes: Value, architectures: Value| json!({ "LayerName": "l", "Content": {}, "Description": "d", "LicenseInfo": "MIT", "CompatibleRuntimes": runtimes, "CompatibleArchitectures": architectures });
    lambda.answer(
        "PublishLayerVersion one",
        &publish(json!(["nodejs20.x"]), json!(["x86_64"])).to_string(),
    );
    lambda.answer(
        "PublishLayerVersion two",
        &publish(json!(["nodejs22.x"]), json!(["x86_64"])).to_string(),
    );
    lambda.answer(
        "PublishLayerVersion three",
        r#"{"LayerName": "m", "Content": {}}"#,
    );
    let arn = "arn:aws:lambda:us-east-1:123456789012:layer:l";
    lambda
        .ask("GetLayerVersion", json!({ "LayerName": "l", "VersionNumber": 1 }))
        .ask("GetLayerVersionByArn", json!({ "Arn": format!("{arn}:2") }))
        .ask("ListLayerVersions", json!({ "LayerName": arn }))
        .ask("ListLayerVersions", json!({ "LayerName": "l", "CompatibleRuntime": "nodejs20.x" }))
        .ask("ListLayers", json!({}))
        .ask("ListLayers", json!({ "CompatibleRuntime": "nodejs20.x", "CompatibleArchitecture": "x86_64" }))
        .ask("ListLayers", json!({ "CompatibleArchitecture": "arm64" }))
        .ask("DeleteLayerVersion", json!({ "LayerName": "l", "VersionNumber": 2 }))
        .ask("DeleteLayerVersion", json!({ "LayerName": "l", "VersionNumber": 2 }))
        .ask("GetLayerVersion", json!({ "LayerName": "l", "VersionNumber": 2 }))
        .ask("GetLayerVersion", json!({ "LayerName": "l", "VersionNumber": 0 }))
        .ask("GetLayerVersion", json!({ "LayerName": "arn:aws:lambda:us-east-1:999999999999:layer:l", "VersionNumber": 1 }))
        .ends(expect![[r#"
            GetLayerVersion {"LayerName":"l","VersionNumber":1}
              {"name":"l","version":1,"layer_arn":"~layer:l","description":"d","license_info":"MIT","compatible_runtimes":["nodejs20.x"],"compatible_architectures":["x86_64"],"created_ms":1700000000000,"package":"00000000000000000000000000000000000000000000000000000000006f6e65","code_sha256":"sha-one","code_bytes":3,"unzipped_bytes":3,"policy":null}
            GetLayerVersionByArn {"Arn":"~layer:l:2"}
              {"name":"l","version":2,"layer_arn":"~layer:l","description":"d","license_info":"MIT","compatible_runtimes":["nodejs22.x"],"compatible_architectures":["x86_64"],"created_ms":1700000000000,"package":"000000000000000000000000000000000000000000000000000000000074776f","code_sha256":"sha-two","code_bytes":3,"unzipped_bytes":3,"policy":null}
            ListLayerVersions {"LayerName":"~layer:l"}
              {"LayerVersions":[{"LayerVersionArn":"~layer:l:2","Version":2,"Description":"d","CreatedDate":"2023-11-14T22:13:20.000+0000","CompatibleArchitectures":["x86_64"],"CompatibleRuntimes":["nodejs22.x"],"LicenseInfo":"MIT"},{"LayerVersionArn":"~layer:l:1","Version":1,"Description":"d","CreatedDate":"2023-11-14T22:13:20.000+0000","CompatibleArchitectures":["x86_64"],"CompatibleRuntimes":["nodejs20.x"],"LicenseInfo":"MIT"}]}
            ListLayerVersions {"LayerName":"l","CompatibleRuntime":"nodejs20.x"}
              {"LayerVersions":[{"LayerVersionArn":"~layer:l:1","Version":1,"Description":"d","CreatedDate":"2023-11-14T22:13:20.000+0000","CompatibleArchitectures":["x86_64"],"CompatibleRuntimes":["nodejs20.x"],"LicenseInfo":"MIT"}]}
            ListLayers {}
              {"Layers":[{"LayerName":"l","LayerArn":"~layer:l","LatestMatchingVersion":{"LayerVersionArn":"~layer:l:2","Version":2,"Description":"d","CreatedDate":"2023-11-14T22:13:20.000+0000","CompatibleArchitectures":["x86_64"],"CompatibleRuntimes":["nodejs22.x"],"LicenseInfo":"MIT"}},{"LayerName":"m","LayerArn":"~layer:m","LatestMatchingVersion":{"LayerVersionArn":"~layer:m:1","Version":1,"Description":"","CreatedDate":"2023-11-14T22:13:20.000+0000"}}]}
            ListLayers {"CompatibleRuntime":"nodejs20.x","CompatibleArchitecture":"x86_64"}
              {"Layers":[{"LayerName":"l","LayerArn":"~layer:l","LatestMatchingVersion":{"LayerVersionArn":"~layer:l:1","Version":1,"Description":"d","CreatedDate":"2023-11-14T22:13:20.000+0000","CompatibleArchitectures":["x86_64"],"CompatibleRuntimes":["nodejs20.x"],"LicenseInfo":"MIT"}}]}
            ListLayers {"CompatibleArchitecture":"arm64"}
              {"Layers":[]}
            DeleteLayerVersion {"LayerName":"l","VersionNumber":2}
              nothing
            DeleteLayerVersion {"LayerName":"l","VersionNumber":2}
              nothing
            GetLayerVersion {"LayerName":"l","VersionNumber":2}
              ! ResourceNotFoundException: The resource you requested does not exist.
            GetLayerVersion {"LayerName":"l","VersionNumber":0}
              ! ResourceNotFoundException: The resource you requested does not exist.
            GetLayerVersion {"LayerName":"arn:aws:lambda:us-east-1:999999999999:layer:l","VersionNumber":1}
              ! ResourceNotFoundException: The resource you requested does not exist.
        "#]]);
    let next = lambda.answer(
        "PublishLayerVersion two",
        r#"{"LayerName": "l", "Content": {}}"#,
    );
    assert_eq!(
        members(&next, &["version"]),
        json!([3]),
        "numbers are never given out again"
    );
}

#[test]
fn a_function_takes_the_layers_that_aws_would_let_it_take() {
    let mut lambda = Lambda::new();
    for layer in ["a", "b", "c", "d", "e", "g"] {
        let input = json!({ "LayerName": layer, "Content": {} }).to_string();
        lambda.answer(&format!("PublishLayerVersion {layer}"), &input);
    }
    lambda.answer(
        "PublishLayerVersion again",
        r#"{"LayerName": "a", "Content": {}}"#,
    );
    let arn = |layer: &str| format!("arn:aws:lambda:us-east-1:123456789012:layer:{layer}");
    let layers = |names: &[&str]| json!(names.iter().map(|name| arn(name)).collect::<Vec<_>>());
    let created = lambda.answer(
        "CreateFunction one",
        &creation("f", json!({ "Layers": layers(&["b:1", "a:2"]) })),
    );
    assert_eq!(
        members(&created, &["Layers"]),
        json!([[{ "Arn": "~layer:b:1", "CodeSize": 1 }, { "Arn": "~layer:a:2", "CodeSize": 5 }]]),
        "in the order in which they were given"
    );
    let update = |layers: Value| json!({ "FunctionName": "f", "Layers": layers });
    let foreign = "arn:aws:lambda:us-east-1:999999999999:layer:x:1";
    lambda
        .ask(
            "UpdateFunctionConfiguration",
            update(layers(&["a:1", "a:2"])),
        )
        .ask("UpdateFunctionConfiguration", update(layers(&["a:3"])))
        .ask("UpdateFunctionConfiguration", update(layers(&["a:0"])))
        .ask(
            "UpdateFunctionConfiguration",
            update(layers(&["a:1", "b:1", "c:1", "d:1", "e:1", "g:1"])),
        )
        .ask("UpdateFunctionConfiguration", update(json!([foreign])))
        .ends(expect![[r#"
            UpdateFunctionConfiguration {"FunctionName":"f","Layers":["~layer:a:1","~layer:a:2"]}
              ! InvalidParameterValueException: Two different versions of the same layer are not allowed to be referenced in the same function. ~layer:a:1 and ~layer:a:2 are versions of the same layer.
            UpdateFunctionConfiguration {"FunctionName":"f","Layers":["~layer:a:3"]}
              ! InvalidParameterValueException: Layer version ~layer:a:3 does not exist.
            UpdateFunctionConfiguration {"FunctionName":"f","Layers":["~layer:a:0"]}
              ! InvalidParameterValueException: Layer version ~layer:a:0 does not exist.
            UpdateFunctionConfiguration {"FunctionName":"f","Layers":["~layer:a:1","~layer:b:1","~layer:c:1","~layer:d:1","~layer:e:1","~layer:g:1"]}
              ! InvalidParameterValueException: Cannot reference more than 5 layers, but 6 are given
            UpdateFunctionConfiguration {"FunctionName":"f","Layers":["arn:aws:lambda:us-east-1:999999999999:layer:x:1"]}
              ! InvalidParameterValueException: Layer version arn:aws:lambda:us-east-1:999999999999:layer:x:1 is not of account 123456789012 in us-east-1: publish its zip here with PublishLayerVersion
        "#]]);
}

#[test]
fn code_and_layers_together_are_bounded() {
    let mut lambda = Lambda::new();
    let mut large = code("large");
    large.unzipped_bytes = 262_144_000;
    let input = r#"{"LayerName": "large", "Content": {}}"#;
    let request = LambdaRequest::PublishLayerVersion(Box::new(parsed(input)), large);
    lambda.world.apply(Request::Lambda(request));
    lambda.world.commit();
    let layer = "arn:aws:lambda:us-east-1:123456789012:layer:large:1";
    let refused = lambda.answer(
        "CreateFunction one",
        &creation("f", json!({ "Layers": [layer] })),
    );
    expect!["! InvalidParameterValueException: Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is 262144003 bytes."].assert_eq(&refused);
    assert_eq!(lambda.answer("ListFunctions", "{}"), r#"{"Functions":[]}"#);
}

#[test]
fn permissions_are_statements_of_a_policy() {
    let mut lambda = Lambda::with_function();
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    let add = |id: &str, more: Value| {
        let mut input = json!({ "FunctionName": "f", "StatementId": id, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com" });
        for (key, value) in more.as_object().expect("an object") {
            input[key] = value.clone();
        }
        input
    };
    lambda
        .ask("GetPolicy", json!({ "FunctionName": "f" }))
        .ask("RemovePermission", json!({ "FunctionName": "f", "StatementId": "s" }))
        .ask("AddPermission", add("s", json!({ "SourceArn": "arn:aws:s3:::b", "SourceAccount": "123456789012" })))
        .ask("AddPermission", add("s", json!({})))
        .ask("AddPermission", add("t", json!({ "Principal": "210987654321" })))
        .ask("AddPermission", add("u", json!({ "Principal": "*", "FunctionUrlAuthType": "NONE", "Action": "lambda:InvokeFunctionUrl" })))
        .ask("AddPermission", add("v", json!({ "Principal": "arn:aws:iam::210987654321:role/r", "Qualifier": "1" })))
        .ask("AddPermission", add("w", json!({ "Qualifier": "$LATEST" })))
        .ask("AddPermission", add("w", json!({ "Qualifier": "2" })))
        .ask("AddPermission", add("w", json!({ "RevisionId": "old" })))
        .ask("GetPolicy", json!({ "FunctionName": "f" }))
        .ask("GetPolicy", json!({ "FunctionName": "f", "Qualifier": "1" }))
        .ask("RemovePermission", json!({ "FunctionName": "f", "StatementId": "x" }))
        .ask("RemovePermission", json!({ "FunctionName": "f", "StatementId": "s" }))
        .ask("RemovePermission", json!({ "FunctionName": "f", "StatementId": "v", "Qualifier": "1" }))
        .ask("GetPolicy", json!({ "FunctionName": "f", "Qualifier": "1" }))
        .ends(expect![[r#"
            GetPolicy {"FunctionName":"f"}
              ! ResourceNotFoundException: The resource you requested does not exist.
            RemovePermission {"FunctionName":"f","StatementId":"s"}
              ! ResourceNotFoundException: No policy is associated with the given resource.
            AddPermission {"FunctionName":"f","StatementId":"s","Action":"lambda:InvokeFunction","Principal":"s3.amazonaws.com","SourceArn":"arn:aws:s3:::b","SourceAccount":"123456789012"}
              {"Statement":"{\"Sid\":\"s\",\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"s3.amazonaws.com\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"~function:f\",\"Condition\":{\"StringEquals\":{\"AWS:SourceAccount\":\"123456789012\"},\"ArnLike\":{\"AWS:SourceArn\":\"arn:aws:s3:::b\"}}}"}
            AddPermission {"FunctionName":"f","StatementId":"s","Action":"lambda:InvokeFunction","Principal":"s3.amazonaws.com"}
              ! ResourceConflictException: The statement id (s) provided already exists. Please provide a new statement id, or remove the existing statement.
            AddPermission {"FunctionName":"f","StatementId":"t","Action":"lambda:InvokeFunction","Principal":"210987654321"}
              {"Statement":"{\"Sid\":\"t\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:root\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"~function:f\"}"}
            AddPermission {"FunctionName":"f","StatementId":"u","Action":"lambda:InvokeFunctionUrl","Principal":"*","FunctionUrlAuthType":"NONE"}
              {"Statement":"{\"Sid\":\"u\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"lambda:InvokeFunctionUrl\",\"Resource\":\"~function:f\",\"Condition\":{\"StringEquals\":{\"lambda:FunctionUrlAuthType\":\"NONE\"}}}"}
            AddPermission {"FunctionName":"f","StatementId":"v","Action":"lambda:InvokeFunction","Principal":"arn:aws:iam::210987654321:role/r","Qualifier":"1"}
              {"Statement":"{\"Sid\":\"v\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:role/r\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"~function:f:1\"}"}
            AddPermission {"FunctionName":"f","StatementId":"w","Action":"lambda:InvokeFunction","Principal":"s3.amazonaws.com","Qualifier":"$LATEST"}
              ! InvalidParameterValueException: We currently do not support adding policies for $LATEST.
            AddPermission {"FunctionName":"f","StatementId":"w","Action":"lambda:InvokeFunction","Principal":"s3.amazonaws.com","Qualifier":"2"}
              ! ResourceNotFoundException: Function not found: ~function:f:2
            AddPermission {"FunctionName":"f","StatementId":"w","Action":"lambda:InvokeFunction","Principal":"s3.amazonaws.com","RevisionId":"old"}
              ! PreconditionFailedException: The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id
            GetPolicy {"FunctionName":"f"}
              {"Policy":"{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[{\"Sid\":\"s\",\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"s3.amazonaws.com\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"~function:f\",\"Condition\":{\"StringEquals\":{\"AWS:SourceAccount\":\"123456789012\"},\"ArnLike\":{\"AWS:SourceArn\":\"arn:aws:s3:::b\"}}},{\"Sid\":\"t\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:root\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"~function:f\"},{\"Sid\":\"u\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"lambda:InvokeFunctionUrl\",\"Resource\":\"~function:f\",\"Condition\":{\"StringEquals\":{\"lambda:FunctionUrlAuthType\":\"NONE\"}}}]}","RevisionId":"r3"}
            GetPolicy {"FunctionName":"f","Qualifier":"1"}
              {"Policy":"{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[{\"Sid\":\"v\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:role/r\"},\"Action\":\"lambda:InvokeFunction\",\"Resource\":\"~function:f:1\"}]}","RevisionId":"r4"}
            RemovePermission {"FunctionName":"f","StatementId":"x"}
              ! ResourceNotFoundException: Statement x is not found in resource policy.
            RemovePermission {"FunctionName":"f","StatementId":"s"}
              nothing
            RemovePermission {"FunctionName":"f","StatementId":"v","Qualifier":"1"}
              nothing
            GetPolicy {"FunctionName":"f","Qualifier":"1"}
              ! ResourceNotFoundException: The resource you requested does not exist.
        "#]]);
    let long = "x".repeat(1_900);
    let refused = (0..12)
        .map(|at| {
            lambda.answer(
                "AddPermission",
                &add(&format!("long{at}"), json!({ "Principal": long })).to_string(),
            )
        })
        .find(|answer| answer.starts_with('!'));
    expect!["! PolicyLengthExceededException: The final policy size (20990) is bigger than the limit (20480)."].assert_eq(&refused.expect("a policy has a bound"));
}

#[test]
fn a_layer_version_has_a_policy_of_its_own() {
    let mut lambda = Lambda::new();
    lambda.answer(
        "PublishLayerVersion one",
        r#"{"LayerName": "l", "Content": {}}"#,
    );
    let add = json!({ "LayerName": "l", "VersionNumber": 1, "StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*", "OrganizationId": "o-1234567890" });
    let version = json!({ "LayerName": "l", "VersionNumber": 1 });
    let remove = json!({ "LayerName": "l", "VersionNumber": 1, "StatementId": "s" });
    lambda
        .ask("GetLayerVersionPolicy", version.clone())
        .ask("AddLayerVersionPermission", add.clone())
        .ask("AddLayerVersionPermission", add)
        .ask("GetLayerVersionPolicy", version.clone())
        .ask("RemoveLayerVersionPermission", remove.clone())
        .ask("RemoveLayerVersionPermission", remove)
        .ask(
            "GetLayerVersionPolicy",
            json!({ "LayerName": "l", "VersionNumber": 2 }),
        )
        .ends(expect![[r#"
            GetLayerVersionPolicy {"LayerName":"l","VersionNumber":1}
              ! ResourceNotFoundException: No policy is associated with the given resource.
            AddLayerVersionPermission {"LayerName":"l","VersionNumber":1,"StatementId":"s","Action":"lambda:GetLayerVersion","Principal":"*","OrganizationId":"o-1234567890"}
              {"Statement":"{\"Sid\":\"s\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"lambda:GetLayerVersion\",\"Resource\":\"~layer:l:1\",\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-1234567890\"}}}","RevisionId":"r1"}
            AddLayerVersionPermission {"LayerName":"l","VersionNumber":1,"StatementId":"s","Action":"lambda:GetLayerVersion","Principal":"*","OrganizationId":"o-1234567890"}
              ! ResourceConflictException: The statement id (s) provided already exists. Please provide a new statement id, or remove the existing statement.
            GetLayerVersionPolicy {"LayerName":"l","VersionNumber":1}
              {"Policy":"{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[{\"Sid\":\"s\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"lambda:GetLayerVersion\",\"Resource\":\"~layer:l:1\",\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-1234567890\"}}}]}","RevisionId":"r1"}
            RemoveLayerVersionPermission {"LayerName":"l","VersionNumber":1,"StatementId":"s"}
              nothing
            RemoveLayerVersionPermission {"LayerName":"l","VersionNumber":1,"StatementId":"s"}
              ! ResourceNotFoundException: No policy is associated with the given resource.
            GetLayerVersionPolicy {"LayerName":"l","VersionNumber":2}
              ! ResourceNotFoundException: The resource you requested does not exist.
        "#]]);
}

#[test]
fn concurrency_is_reserved_within_the_account() {
    let mut lambda = Lambda::with_function();
    lambda.answer("CreateFunction one", &creation("g", json!({})));
    let put = |name: &str, number: i32| json!({ "FunctionName": name, "ReservedConcurrentExecutions": number });
    lambda
        .ask("GetFunctionConcurrency", json!({ "FunctionName": "f" }))
        .ask("PutFunctionConcurrency", put("f", 0))
        .ask("PutFunctionConcurrency", put("f", 600))
        .ask("PutFunctionConcurrency", put("g", 301))
        .ask("PutFunctionConcurrency", put("g", 300))
        .ask("PutFunctionConcurrency", put("f", 500))
        .ask("GetFunctionConcurrency", json!({ "FunctionName": "f" }))
        .ask("GetAccountSettings", json!({}))
        .ask("DeleteFunctionConcurrency", json!({ "FunctionName": "f" }))
        .ask("GetFunctionConcurrency", json!({ "FunctionName": "f" }))
        .ask("PutFunctionConcurrency", put("h", 1))
        .ends(expect![[r#"
            GetFunctionConcurrency {"FunctionName":"f"}
              {}
            PutFunctionConcurrency {"FunctionName":"f","ReservedConcurrentExecutions":0}
              {"ReservedConcurrentExecutions":0}
            PutFunctionConcurrency {"FunctionName":"f","ReservedConcurrentExecutions":600}
              {"ReservedConcurrentExecutions":600}
            PutFunctionConcurrency {"FunctionName":"g","ReservedConcurrentExecutions":301}
              ! InvalidParameterValueException: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].
            PutFunctionConcurrency {"FunctionName":"g","ReservedConcurrentExecutions":300}
              {"ReservedConcurrentExecutions":300}
            PutFunctionConcurrency {"FunctionName":"f","ReservedConcurrentExecutions":500}
              {"ReservedConcurrentExecutions":500}
            GetFunctionConcurrency {"FunctionName":"f"}
              {"ReservedConcurrentExecutions":500}
            GetAccountSettings {}
              {"AccountLimit":{"TotalCodeSize":80530636800,"CodeSizeUnzipped":262144000,"CodeSizeZipped":52428800,"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":200},"AccountUsage":{"TotalCodeSize":6,"FunctionCount":2}}
            DeleteFunctionConcurrency {"FunctionName":"f"}
              nothing
            GetFunctionConcurrency {"FunctionName":"f"}
              {}
            PutFunctionConcurrency {"FunctionName":"h","ReservedConcurrentExecutions":1}
              ! ResourceNotFoundException: Function not found: ~function:h
        "#]]);
}

#[test]
fn provisioned_concurrency_is_that_of_a_version_or_an_alias() {
    let mut lambda = Lambda::with_function();
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    lambda.answer(
        "CreateAlias",
        r#"{"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}"#,
    );
    lambda.answer(
        "CreateAlias",
        r#"{"FunctionName": "f", "Name": "dev", "FunctionVersion": "$LATEST"}"#,
    );
    lambda.answer(
        "PutFunctionConcurrency",
        r#"{"FunctionName": "f", "ReservedConcurrentExecutions": 5}"#,
    );
    let put = |qualifier: &str, number: i32| json!({ "FunctionName": "f", "Qualifier": qualifier, "ProvisionedConcurrentExecutions": number });
    let of = |qualifier: &str| json!({ "FunctionName": "f", "Qualifier": qualifier });
    lambda
        .ask("GetProvisionedConcurrencyConfig", of("live"))
        .ask("PutProvisionedConcurrencyConfig", put("live", 2))
        .ask("PutProvisionedConcurrencyConfig", put("1", 6))
        .ask("PutProvisionedConcurrencyConfig", put("$LATEST", 1))
        .ask("PutProvisionedConcurrencyConfig", put("dev", 1))
        .ask("PutProvisionedConcurrencyConfig", put("7", 1))
        .ask("GetProvisionedConcurrencyConfig", of("live"))
        .ask(
            "ListProvisionedConcurrencyConfigs",
            json!({ "FunctionName": "f" }),
        )
        .ask("DeleteProvisionedConcurrencyConfig", of("live"))
        .ask(
            "ListProvisionedConcurrencyConfigs",
            json!({ "FunctionName": "f" }),
        )
        .ends(expect![[r#"
            GetProvisionedConcurrencyConfig {"FunctionName":"f","Qualifier":"live"}
              ! ProvisionedConcurrencyConfigNotFoundException: No Provisioned Concurrency Config found for this function
            PutProvisionedConcurrencyConfig {"FunctionName":"f","Qualifier":"live","ProvisionedConcurrentExecutions":2}
              {"RequestedProvisionedConcurrentExecutions":2,"AllocatedProvisionedConcurrentExecutions":2,"AvailableProvisionedConcurrentExecutions":2,"Status":"READY","LastModified":"2023-11-14T22:13:20.000+0000"}
            PutProvisionedConcurrencyConfig {"FunctionName":"f","Qualifier":"1","ProvisionedConcurrentExecutions":6}
              ! InvalidParameterValueException: Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function: 6 is, 5 are reserved
            PutProvisionedConcurrencyConfig {"FunctionName":"f","Qualifier":"$LATEST","ProvisionedConcurrentExecutions":1}
              ! InvalidParameterValueException: Provisioned Concurrency Configs cannot be applied to unpublished function versions.
            PutProvisionedConcurrencyConfig {"FunctionName":"f","Qualifier":"dev","ProvisionedConcurrentExecutions":1}
              ! InvalidParameterValueException: Provisioned Concurrency Configs cannot be applied to unpublished function versions.
            PutProvisionedConcurrencyConfig {"FunctionName":"f","Qualifier":"7","ProvisionedConcurrentExecutions":1}
              ! ResourceNotFoundException: Function not found: ~function:f:7
            GetProvisionedConcurrencyConfig {"FunctionName":"f","Qualifier":"live"}
              {"RequestedProvisionedConcurrentExecutions":2,"AvailableProvisionedConcurrentExecutions":2,"AllocatedProvisionedConcurrentExecutions":2,"Status":"READY","LastModified":"2023-11-14T22:13:20.000+0000"}
            ListProvisionedConcurrencyConfigs {"FunctionName":"f"}
              {"ProvisionedConcurrencyConfigs":[{"FunctionArn":"~function:f:live","RequestedProvisionedConcurrentExecutions":2,"AvailableProvisionedConcurrentExecutions":2,"AllocatedProvisionedConcurrentExecutions":2,"Status":"READY","LastModified":"2023-11-14T22:13:20.000+0000"}]}
            DeleteProvisionedConcurrencyConfig {"FunctionName":"f","Qualifier":"live"}
              nothing
            ListProvisionedConcurrencyConfigs {"FunctionName":"f"}
              {"ProvisionedConcurrencyConfigs":[]}
        "#]]);
}

#[test]
fn tags_and_settings_are_kept_beside_the_revision() {
    let mut lambda = Lambda::with_function();
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    lambda
        .ask(
            "TagResource",
            json!({ "Resource": arn, "Tags": { "a": "1", "b": "2" } }),
        )
        .ask(
            "UntagResource",
            json!({ "Resource": arn, "TagKeys": ["a", "c"] }),
        )
        .ask("ListTags", json!({ "Resource": arn }))
        .ask("ListTags", json!({ "Resource": format!("{arn}:1") }))
        .ask(
            "ListTags",
            json!({ "Resource": "arn:aws:lambda:us-east-1:123456789012:function:g" }),
        )
        .ask("GetFunctionRecursionConfig", json!({ "FunctionName": "f" }))
        .ask(
            "PutFunctionRecursionConfig",
            json!({ "FunctionName": "f", "RecursiveLoop": "Allow" }),
        )
        .ask("GetFunctionRecursionConfig", json!({ "FunctionName": "f" }))
        .ask("GetRuntimeManagementConfig", json!({ "FunctionName": "f" }))
        .ask(
            "PutRuntimeManagementConfig",
            json!({ "FunctionName": "f", "UpdateRuntimeOn": "FunctionUpdate" }),
        )
        .ask(
            "PutRuntimeManagementConfig",
            json!({ "FunctionName": "f", "UpdateRuntimeOn": "Manual" }),
        )
        .ask(
            "PutRuntimeManagementConfig",
            json!({ "FunctionName": "f", "UpdateRuntimeOn": "Auto", "Qualifier": "1" }),
        )
        .ask("GetRuntimeManagementConfig", json!({ "FunctionName": "f" }))
        .ends(expect![[r#"
            TagResource {"Resource":"~function:f","Tags":{"a":"1","b":"2"}}
              nothing
            UntagResource {"Resource":"~function:f","TagKeys":["a","c"]}
              nothing
            ListTags {"Resource":"~function:f"}
              {"Tags":{"b":"2"}}
            ListTags {"Resource":"~function:f:1"}
              ! InvalidParameterValueException: Tags on function aliases and versions are not supported. Please specify a function ARN.
            ListTags {"Resource":"~function:g"}
              ! ResourceNotFoundException: Function not found: ~function:g
            GetFunctionRecursionConfig {"FunctionName":"f"}
              {"RecursiveLoop":"Terminate"}
            PutFunctionRecursionConfig {"FunctionName":"f","RecursiveLoop":"Allow"}
              {"RecursiveLoop":"Allow"}
            GetFunctionRecursionConfig {"FunctionName":"f"}
              {"RecursiveLoop":"Allow"}
            GetRuntimeManagementConfig {"FunctionName":"f"}
              {"UpdateRuntimeOn":"Auto","FunctionArn":"~function:f"}
            PutRuntimeManagementConfig {"FunctionName":"f","UpdateRuntimeOn":"FunctionUpdate"}
              {"UpdateRuntimeOn":"FunctionUpdate","FunctionArn":"~function:f"}
            PutRuntimeManagementConfig {"FunctionName":"f","UpdateRuntimeOn":"Manual"}
              ! InvalidParameterValueException: RuntimeVersionArn must be given if UpdateRuntimeOn is Manual, and only then; it is Manual
            PutRuntimeManagementConfig {"FunctionName":"f","UpdateRuntimeOn":"Auto","Qualifier":"1"}
              ! ResourceNotFoundException: Function not found: ~function:f:1
            GetRuntimeManagementConfig {"FunctionName":"f"}
              {"UpdateRuntimeOn":"FunctionUpdate","FunctionArn":"~function:f"}
        "#]]);
    let configuration = lambda.answer("GetFunctionConfiguration", r#"{"FunctionName": "f"}"#);
    assert_eq!(members(&configuration, &["RevisionId"]), json!(["r1"]));
    let many: BTreeMap<String, String> = (0..50)
        .map(|at| (format!("k{at}"), String::new()))
        .collect();
    let tagged = lambda.answer(
        "CreateFunction one",
        &creation("g", json!({ "Tags": many, "Description": "50 tags" })),
    );
    assert!(tagged.contains("50 tags"), "{tagged}");
    let refused = lambda.answer(
        "TagResource",
        &json!({ "Resource": arn, "Tags": many }).to_string(),
    );
    expect!["! InvalidParameterValueException: Number of tags exceeds resource tag limit: 51 on ~function:f, at most 50."].assert_eq(&refused);
}

#[test]
fn a_configuration_is_shown_as_it_was_given() {
    let mut lambda = Lambda::new();
    let given = json!({
        "DeadLetterConfig": { "TargetArn": "arn:aws:sqs:us-east-1:123456789012:q" },
        "KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k",
        "VpcConfig": { "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] },
        "LoggingConfig": { "LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "LogGroup": "shared" },
        "SnapStart": { "ApplyOn": "PublishedVersions" },
        "TracingConfig": { "Mode": "Active" },
        "EphemeralStorage": { "Size": 1024 },
        "Architectures": ["arm64"],
    });
    let names = [
        "DeadLetterConfig",
        "KMSKeyArn",
        "VpcConfig",
        "LoggingConfig",
        "SnapStart",
        "TracingConfig",
        "EphemeralStorage",
        "Architectures",
    ];
    let shown = |text: &str| {
        let values = members(text, &names);
        names
            .iter()
            .zip(values.as_array().expect("values"))
            .map(|(name, value)| format!("{name} {value}\n"))
            .collect::<String>()
    };
    let created = lambda.answer("CreateFunction one", &creation("f", given));
    let cleared = json!({
        "FunctionName": "f",
        "DeadLetterConfig": { "TargetArn": "" },
        "KMSKeyArn": "",
        "LoggingConfig": { "LogFormat": "Text" },
        "SnapStart": { "ApplyOn": "None" },
    });
    let cleared = lambda.answer("UpdateFunctionConfiguration", &cleared.to_string());
    expect![[r#"
        DeadLetterConfig {"TargetArn":"arn:aws:sqs:us-east-1:123456789012:q"}
        KMSKeyArn "arn:aws:kms:us-east-1:123456789012:key/k"
        VpcConfig {"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]}
        LoggingConfig {"LogFormat":"JSON","ApplicationLogLevel":"DEBUG","SystemLogLevel":"INFO","LogGroup":"shared"}
        SnapStart {"ApplyOn":"PublishedVersions","OptimizationStatus":"Off"}
        TracingConfig {"Mode":"Active"}
        EphemeralStorage {"Size":1024}
        Architectures ["arm64"]
        cleared:
        DeadLetterConfig null
        KMSKeyArn null
        VpcConfig {"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]}
        LoggingConfig {"LogFormat":"Text","LogGroup":"/aws/lambda/f"}
        SnapStart {"ApplyOn":"None","OptimizationStatus":"Off"}
        TracingConfig {"Mode":"Active"}
        EphemeralStorage {"Size":1024}
        Architectures ["arm64"]
    "#]].assert_eq(&(shown(&created) + "cleared:\n" + &shown(&cleared)));
}

#[test]
fn what_nothing_here_would_heed_is_refused_by_name() {
    let mut lambda = Lambda::new();
    let refused: Vec<String> = [
        json!({ "PackageType": "Image" }),
        json!({ "ImageConfig": {} }),
        json!({ "FileSystemConfigs": [{ "Arn": "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-1", "LocalMountPath": "/mnt/a" }] }),
        json!({ "TenancyConfig": { "TenantIsolationMode": "PER_TENANT" } }),
        json!({ "DurableConfig": { "ExecutionTimeout": 1 } }),
        json!({ "CodeSigningConfigArn": "a" }),
        json!({ "PublishTo": "LATEST_PUBLISHED" }),
        json!({ "Runtime": "java21" }),
        json!({ "Runtime": "nodejs8.10" }),
        json!({ "LoggingConfig": { "LogFormat": "Text", "SystemLogLevel": "WARN" } }),
        json!({ "MemorySize": 10_241 }),
        json!({ "EphemeralStorage": { "Size": 10_241 } }),
        json!({ "Environment": { "Variables": { "AWS_REGION": "r", "_HANDLER": "h" } } }),
    ]
    .into_iter()
    .map(|more| lambda.answer("CreateFunction one", &creation("f", more)))
    .collect();
    expect![[r#"
        ! NotImplemented: Stepwell does not implement PackageType Image yet
        ! NotImplemented: Stepwell does not implement ImageConfig of CreateFunction yet
        ! NotImplemented: Stepwell does not implement FileSystemConfigs of CreateFunction yet
        ! NotImplemented: Stepwell does not implement TenancyConfig of CreateFunction yet
        ! NotImplemented: Stepwell does not implement DurableConfig of CreateFunction yet
        ! NotImplemented: Stepwell does not implement CodeSigningConfigArn of CreateFunction yet
        ! NotImplemented: Stepwell does not implement PublishTo of CreateFunction yet
        ! NotImplemented: Stepwell does not implement Runtime java21: nodejsN.x, python3.N and provided.* run here
        ! NotImplemented: Stepwell does not implement Runtime nodejs8.10: nodejsN.x, python3.N and provided.* run here
        ! InvalidParameterValueException: ApplicationLogLevel and SystemLogLevel can only be set when LogFormat is JSON
        ! InvalidParameterValueException: 'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240, not 10241
        ! InvalidParameterValueException: 'EphemeralStorage' value failed to satisfy constraint: Member must have value less than or equal to 10240, not 10241
        ! InvalidParameterValueException: Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION, _HANDLER
    "#]].assert_eq(&(refused.join("\n") + "\n"));
    assert!(lambda.world.rows().is_empty());
    let credentials = json!({ "Environment": { "Variables": { "AWS_ACCESS_KEY_ID": "real" } } });
    let created = lambda.answer("CreateFunction one", &creation("f", credentials));
    assert!(created.contains("\"real\""), "{created}");
    for (runtime, is_taken) in [("ruby3.4", false), ("provided.al2023", true)] {
        let update = json!({ "FunctionName": "f", "Runtime": runtime });
        let answer = lambda.answer("UpdateFunctionConfiguration", &update.to_string());
        assert_eq!(answer.contains("NotImplemented"), !is_taken, "{answer}");
    }
}

#[test]
fn lists_of_functions_and_versions_come_in_pages() {
    let mut lambda = Lambda::new();
    for name in ["a", "b", "c"] {
        lambda.answer(
            "CreateFunction one",
            &creation(name, json!({ "Publish": true })),
        );
    }
    lambda.answer(
        "UpdateFunctionCode two",
        r#"{"FunctionName": "b", "Publish": true}"#,
    );
    let pages = |lambda: &mut Lambda, operation: &str, mut input: Value, list: &str| {
        let mut seen = Vec::new();
        // More rounds than there can be pages.
        for _ in 0..10 {
            let answer = lambda.answer(operation, &input.to_string());
            let answer: Value = serde_json::from_str(&answer).expect("a page");
            let arns = answer[list].as_array().expect("a list").iter();
            seen.push(
                arns.map(|it| {
                    it["FunctionArn"].as_str().expect("an ARN")[1..].replace("function:", "")
                })
                .collect::<Vec<_>>()
                .join(" "),
            );
            let Some(marker) = answer["NextMarker"].as_str() else {
                return seen.join(" | ");
            };
            input["Marker"] = json!(marker);
        }
        panic!("the pages do not end: {seen:?}");
    };
    let all = |max: i32| json!({ "FunctionVersion": "ALL", "MaxItems": max });
    let seen = [
        pages(
            &mut lambda,
            "ListFunctions",
            json!({ "MaxItems": 2 }),
            "Functions",
        ),
        pages(&mut lambda, "ListFunctions", all(1), "Functions"),
        pages(&mut lambda, "ListFunctions", all(2), "Functions"),
        pages(&mut lambda, "ListFunctions", all(3), "Functions"),
        pages(&mut lambda, "ListFunctions", all(10_000), "Functions"),
        pages(
            &mut lambda,
            "ListFunctions",
            json!({ "FunctionVersion": "ALL", "MasterRegion": "us-east-1" }),
            "Functions",
        ),
        pages(
            &mut lambda,
            "ListVersionsByFunction",
            json!({ "FunctionName": "b", "MaxItems": 1 }),
            "Versions",
        ),
        pages(
            &mut lambda,
            "ListVersionsByFunction",
            json!({ "FunctionName": "b", "MaxItems": 2 }),
            "Versions",
        ),
    ];
    expect![[r#"
        a b | c
        a:$LATEST | a:1 | b:$LATEST | b:1 | b:2 | c:$LATEST | c:1
        a:$LATEST a:1 | b:$LATEST b:1 | b:2 c:$LATEST | c:1
        a:$LATEST a:1 b:$LATEST | b:1 b:2 c:$LATEST | c:1
        a:$LATEST a:1 b:$LATEST b:1 b:2 c:$LATEST c:1

        b:$LATEST | b:1 | b:2
        b:$LATEST b:1 | b:2
    "#]]
    .assert_eq(&(seen.join("\n") + "\n"));
    lambda
        .ask("ListFunctions", json!({ "MasterRegion": "us-east-1" }))
        .ask(
            "ListFunctions",
            json!({ "FunctionVersion": "ALL", "Marker": "nonsense" }),
        )
        .ask("ListVersionsByFunction", json!({ "FunctionName": "nope" }))
        .ends(expect![[r#"
            ListFunctions {"MasterRegion":"us-east-1"}
              ! InvalidParameterValueException: FunctionVersion must be set to ALL if MasterRegion is specified.
            ListFunctions {"FunctionVersion":"ALL","Marker":"nonsense"}
              ! InvalidParameterValueException: The provided Marker is not valid
            ListVersionsByFunction {"FunctionName":"nope"}
              ! ResourceNotFoundException: Function not found: ~function:nope
        "#]]);
}

#[test]
fn everything_is_there_after_a_crash() {
    let mut lambda = Lambda::with_function();
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    lambda.answer(
        "CreateAlias",
        r#"{"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}"#,
    );
    lambda.answer(
        "PublishLayerVersion one",
        r#"{"LayerName": "l", "Content": {}}"#,
    );
    let rows = lambda.world.rows();
    lambda.world.crash();
    assert_eq!(lambda.world.rows(), rows);
    assert_eq!(
        invoked(&lambda, "f:live", None, 0),
        r#"1 as ~function:f:live alias Some("live") reserved None provisioned None"#
    );
}

#[test]
fn packages_of_an_older_release_are_kept_while_they_are_used() {
    let mut lambda = Lambda::with_function();
    lambda.answer("CreateFunction one", &creation("g", json!({})));
    // An older release wrote no marks.
    let mut rows = lambda.world.rows();
    rows.retain(|(key, _)| key[0] != 36);
    let mut older = Lambda::new();
    older.world = World::on(&store_of(&rows).disk(), LostTask::Fail);
    older.answer("UpdateFunctionCode two", r#"{"FunctionName": "f"}"#);
    assert_eq!(
        older.rows(),
        "chunks 2, versions 0, aliases 0, settings 0, layers 0, marks 3"
    );
    older.answer("UpdateFunctionCode two", r#"{"FunctionName": "g"}"#);
    assert_eq!(
        older.rows(),
        "chunks 1, versions 0, aliases 0, settings 0, layers 0, marks 3"
    );
}

#[test]
fn what_is_provisioned_follows_its_alias() {
    let mut lambda = Lambda::with_function();
    lambda.answer("PublishVersion", r#"{"FunctionName": "f"}"#);
    lambda.answer(
        "UpdateFunctionCode two",
        r#"{"FunctionName": "f", "Publish": true}"#,
    );
    lambda.answer(
        "CreateAlias",
        r#"{"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}"#,
    );
    let mut provisioned = |operation: &str, input: &str| {
        let request = request(operation, input, "").expect("a change");
        lambda.world.apply(request);
        let effects = lambda.world.commit().effects.into_iter();
        let shown = effects.filter_map(|effect| match effect {
            Effect::ProvisionFunction { function, version } => {
                let reader = lambda.world.reader();
                let found = reader
                    .invocable(&function, Some(&version), 0)
                    .expect("rows");
                let number = found.expect("a version").provisioned_concurrency;
                Some(format!("{function}:{version} {number:?}"))
            }
            _ => None,
        });
        shown.collect::<Vec<_>>()
    };
    let put = r#"{"FunctionName": "f", "Qualifier": "live", "ProvisionedConcurrentExecutions": 2}"#;
    assert_eq!(
        provisioned("PutProvisionedConcurrencyConfig", put),
        ["f:1 Some(2)"]
    );
    let put = r#"{"FunctionName": "f", "Qualifier": "2", "ProvisionedConcurrentExecutions": 1}"#;
    assert_eq!(
        provisioned("PutProvisionedConcurrencyConfig", put),
        ["f:2 Some(1)"]
    );
    let moved = r#"{"FunctionName": "f", "Name": "live", "FunctionVersion": "2"}"#;
    assert_eq!(
        provisioned("UpdateAlias", moved),
        ["f:1 None", "f:2 Some(3)"]
    );
    let deleted = r#"{"FunctionName": "f", "Name": "live"}"#;
    assert_eq!(provisioned("DeleteAlias", deleted), ["f:2 Some(1)"]);
    let deleted = r#"{"FunctionName": "f", "Qualifier": "2"}"#;
    assert_eq!(
        provisioned("DeleteProvisionedConcurrencyConfig", deleted),
        ["f:2 None"]
    );
}
