//! Every function, long and short.

use expect_test::{Expect, expect};

use crate::{check, check_with};

const BEFORE: &str = "
Transform: AWS::LanguageExtensions
Parameters:
  Stage: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: 'a, b,c'}
  Size: {Type: Number, Default: 3}
Mappings:
  Sizes:
    dev: {Memory: 128, Names: [x, y]}
    prod: {Memory: 512, Names: [z]}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsProd: !Not [!Condition IsDev]
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Logs: {Type: AWS::Logs::LogGroup}
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      Code: {ZipFile: 'exports.handler = async () => 1'}
      Handler: index.handler
      Runtime: nodejs22.x
      Role: !GetAtt Role.Arn
Outputs:
";

/// The output `V`, or the errors.
fn evaluate(value: &str) -> String {
    let text = format!("{BEFORE}  V:\n    Value: {value}\n");
    match crate::resolve_text(&text, &[], &[]) {
        Ok(stack) => stack.outputs["V"].clone(),
        Err(problems) => problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn value(value: &str, expect: Expect) {
    expect.assert_eq(&evaluate(value));
}

/// The same value in long and short form.
fn both(long: &str, short: &str, expect: Expect) {
    let value = evaluate(long);
    assert_eq!(value, evaluate(short));
    expect.assert_eq(&value);
}

#[test]
fn ref_gives_parameters_pseudo_parameters_and_names() {
    both("{Ref: Stage}", "!Ref Stage", expect!["dev"]);
    both("{Ref: Size}", "!Ref Size", expect!["3"]);
    both("{Ref: Fn}", "!Ref Fn", expect!["shop-Fn"]);
    both(
        "{Ref: 'AWS::Region'}",
        "!Ref AWS::Region",
        expect!["eu-central-1"],
    );
    value("!Ref AWS::AccountId", expect!["123456789012"]);
    value("!Ref AWS::Partition", expect!["aws"]);
    value("!Ref AWS::StackName", expect!["shop"]);
    value("!Ref AWS::URLSuffix", expect!["amazonaws.com"]);
    value(
        "!Select [1, !Split ['/', !Ref AWS::StackId]]",
        expect!["shop"],
    );
    value(
        "!Ref Stagee",
        expect![
            "template.yaml:25:12: Outputs.V.Value: there is no resource or parameter Stagee, did you mean Stage?"
        ],
    );
    value(
        "!Ref AWS::Regoin",
        expect![
            "template.yaml:25:12: Outputs.V.Value: there is no pseudo parameter AWS::Regoin, did you mean AWS::Region?"
        ],
    );
    value(
        "!Ref Zones",
        expect!["template.yaml:25:12: Outputs.V.Value: an output is text, found a list"],
    );
    value(
        "!Ref Fn.Arn",
        expect![
            "template.yaml:25:12: Outputs.V.Value: Ref takes no attribute, use Fn::GetAtt Fn.Arn"
        ],
    );
}

#[test]
fn get_att_gives_attributes() {
    both(
        "{'Fn::GetAtt': [Fn, Arn]}",
        "!GetAtt Fn.Arn",
        expect!["arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn"],
    );
    both(
        "{'Fn::GetAtt': Role.Arn}",
        "!GetAtt [Role, Arn]",
        expect!["arn:aws:iam::123456789012:role/shop-Role"],
    );
    value(
        "!GetAtt Logs.Arn",
        expect!["arn:aws:logs:eu-central-1:123456789012:log-group:shop-Logs:*"],
    );
    value(
        "!GetAtt Fn.Ar",
        expect![
            "template.yaml:25:12: Outputs.V.Value: Fn (AWS::Lambda::Function) has no attribute Ar, did you mean Arn? (it has Arn)"
        ],
    );
    value(
        "!GetAtt Fn",
        expect![
            "template.yaml:25:12: Outputs.V.Value: Fn::GetAtt takes Resource.Attribute or [resource, attribute]"
        ],
    );
    value(
        "!GetAtt Stage.Arn",
        expect![
            "template.yaml:25:12: Outputs.V.Value: Stage is a parameter and has no attribute Arn"
        ],
    );
}

#[test]
fn sub_replaces_variables() {
    both(
        "{'Fn::Sub': 'x-${Stage}-${AWS::Region}'}",
        "!Sub x-${Stage}-${AWS::Region}",
        expect!["x-dev-eu-central-1"],
    );
    both(
        "{'Fn::Sub': ['${A}/${Stage}/${!A}/${Fn.Arn}', {A: !Join ['+', !Ref Zones]}]}",
        "!Sub ['${A}/${Stage}/${!A}/${Fn.Arn}', {A: {'Fn::Join': ['+', {Ref: Zones}]}}]",
        expect!["a+b+c/dev/${A}/arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn"],
    );
    value(
        "!Sub ['${Outer}', {Outer: !Sub 'in-${Stage}'}]",
        expect!["in-dev"],
    );
    value("!Sub 'no } end ${'", expect!["no } end ${"]);
    value(
        "!Sub '${Stag}'",
        expect![
            "template.yaml:25:12: Outputs.V.Value: there is no resource or parameter Stag, did you mean Stage?"
        ],
    );
    value(
        "!Sub '${Zones}'",
        expect!["template.yaml:25:12: Outputs.V.Value: Fn::Sub takes text, but ${Zones} is a list"],
    );
    value(
        "!Sub [a, b, c]",
        expect![
            "template.yaml:25:12: Outputs.V.Value: Fn::Sub takes text, or [text, map of variables]"
        ],
    );
}

#[test]
fn lists_and_texts() {
    both(
        "{'Fn::Join': ['-', [a, {Ref: Stage}, 1, true]]}",
        "!Join ['-', [a, !Ref Stage, 1, true]]",
        expect!["a-dev-1-true"],
    );
    both(
        "{'Fn::Select': ['2', {Ref: Zones}]}",
        "!Select [2, !Ref Zones]",
        expect!["c"],
    );
    value(
        "!Select [3, !Ref Zones]",
        expect!["template.yaml:25:21: Outputs.V.Value: Fn::Select of item 3 in a list of 3"],
    );
    value(
        "!Select [x, !Ref Zones]",
        expect!["template.yaml:25:21: Outputs.V.Value: Fn::Select takes an index from 0, found x"],
    );
    both(
        "{'Fn::Join': ['|', {'Fn::Split': [',', 'a,b,,c']}]}",
        "!Join ['|', !Split [',', 'a,b,,c']]",
        expect!["a|b||c"],
    );
    both(
        "{'Fn::Base64': 'Hello, World'}",
        "!Base64 Hello, World",
        expect!["SGVsbG8sIFdvcmxk"],
    );
    value("!Base64 ab", expect!["YWI="]);
    value("!Base64 abc", expect!["YWJj"]);
    both(
        "{'Fn::Length': {Ref: Zones}}",
        "!Length [a, b, c]",
        expect!["3"],
    );
    both(
        "{'Fn::ToJsonString': {a: {Ref: Size}, b: [1, true], c: !Ref AWS::NoValue}}",
        "!ToJsonString {a: !Ref Size, b: [1, true]}",
        expect![[r#"{"a":"3","b":[1,true]}"#]],
    );
    value(
        "!Join ['-', [a, [b]]]",
        expect![
            "template.yaml:25:28: Outputs.V.Value: Fn::Join takes a list of texts, found a list"
        ],
    );
    value(
        "!Join [a]",
        expect!["template.yaml:25:12: Outputs.V.Value: Fn::Join takes [delimiter, list]"],
    );
}

#[test]
fn conditions_choose() {
    both(
        "{'Fn::If': [IsDev, small, big]}",
        "!If [IsDev, small, big]",
        expect!["small"],
    );
    both(
        "{'Fn::If': [IsProd, small, !Ref Stage]}",
        "!If [IsProd, small, !Ref Stage]",
        expect!["dev"],
    );
    value(
        "!If [IsDevv, small, big]",
        expect![
            "template.yaml:25:17: Outputs.V.Value: there is no condition IsDevv, did you mean IsDev?"
        ],
    );
    value(
        "!Join ['-', [a, !If [IsDev, !Ref AWS::NoValue, x], b]]",
        expect!["a-b"],
    );
    // A reference in the branch that is not taken does not count.
    value("!If [IsProd, !Ref Nothing, ok]", expect!["ok"]);
    value(
        "!Equals [a, b]",
        expect!["template.yaml:25:12: Outputs.V.Value: Fn::Equals can only be used in Conditions"],
    );
}

#[test]
fn mappings() {
    both(
        "{'Fn::FindInMap': [Sizes, {Ref: Stage}, Memory]}",
        "!FindInMap [Sizes, !Ref Stage, Memory]",
        expect!["128"],
    );
    value("!Select [1, !FindInMap [Sizes, dev, Names]]", expect!["y"]);
    value(
        "!FindInMap [Sizes, test, Memory, {DefaultValue: 99}]",
        expect!["99"],
    );
    value(
        "!FindInMap [Size, dev, Memory]",
        expect![
            "template.yaml:25:24: Outputs.V.Value: there is no mapping Size, did you mean Sizes?"
        ],
    );
    value(
        "!FindInMap [Sizes, prd, Memory]",
        expect![
            "template.yaml:25:31: Outputs.V.Value: mapping Sizes has no key prd, did you mean prod?"
        ],
    );
    value(
        "!FindInMap [Sizes, prod, Memry]",
        expect![
            "template.yaml:25:37: Outputs.V.Value: mapping Sizes.prod has no key Memry, did you mean Memory?"
        ],
    );
}

#[test]
fn networks_and_zones() {
    both(
        "{'Fn::Join': [' ', {'Fn::GetAZs': ''}]}",
        "!Join [' ', !GetAZs '']",
        expect!["eu-central-1a eu-central-1b eu-central-1c"],
    );
    value("!Select [0, !GetAZs us-east-1]", expect!["us-east-1a"]);
    both(
        "{'Fn::Join': [' ', {'Fn::Cidr': [10.0.7.0/16, 3, 8]}]}",
        "!Join [' ', !Cidr [10.0.7.0/16, 3, 8]]",
        expect!["10.0.0.0/24 10.0.1.0/24 10.0.2.0/24"],
    );
    value(
        "!Join [' ', !Cidr ['2001:db8::/56', 2, 64]]",
        expect!["2001:db8::/64 2001:db8:0:1::/64"],
    );
    value(
        "!Join [' ', !Cidr [0.0.0.0/0, 2, 31]]",
        expect!["0.0.0.0/1 128.0.0.0/1"],
    );
    value(
        "!Select [0, !Cidr [10.0.0.0/24, 2, 8]]",
        expect![
            "template.yaml:25:24: Outputs.V.Value: 2 blocks of 8 bits do not fit into 10.0.0.0/24"
        ],
    );
    value(
        "!Select [0, !Cidr [10.0.0.0/24, 257, 1]]",
        expect![
            "template.yaml:25:24: Outputs.V.Value: Fn::Cidr gives from 1 to 256 blocks, found 257"
        ],
    );
    value(
        "!Select [0, !Cidr [10.0.0/24, 1, 1]]",
        expect![
            "template.yaml:25:24: Outputs.V.Value: Fn::Cidr takes a block such as 10.0.0.0/16, found 10.0.0/24"
        ],
    );
}

#[test]
fn what_only_aws_can_do_is_an_error_that_names_it() {
    both(
        "{'Fn::ImportValue': !Sub '${Stage}-Topic'}",
        "!ImportValue dev-Topic",
        expect![
            "template.yaml:25:12: Outputs.V.Value: Fn::ImportValue of dev-Topic: exports of other stacks are not available, use a parameter instead"
        ],
    );
    both(
        "{'Fn::Transform': {Name: AWS::Include}}",
        "!Transform {Name: AWS::Include}",
        expect![
            "template.yaml:25:12: Outputs.V.Value: Fn::Transform AWS::Include: macros run on AWS only and are not supported"
        ],
    );
    value(
        "{'Fn::Joyn': [a]}",
        expect![
            "template.yaml:25:12: Outputs.V.Value: unknown function Fn::Joyn, did you mean Fn::Join?"
        ],
    );
    value(
        "!Sob x",
        expect!["template.yaml:25:12: unknown tag !Sob, did you mean Sub?"],
    );
}

#[test]
fn condition_functions() {
    let template = "
Parameters:
  Stage: {Type: String, Default: dev}
Conditions:
  Dev: {'Fn::Equals': [{Ref: Stage}, dev]}
  NotDev: {'Fn::Not': [{Condition: Dev}]}
  Both: !And [!Condition Dev, !Not [!Condition NotDev]]
  Either: {'Fn::Or': [{Condition: NotDev}, !Equals [a, b]]}
Resources: {}
Outputs:
  Dev: {Condition: Dev, Value: 1}
  NotDev: {Condition: NotDev, Value: 1}
  Both: {Condition: Both, Value: 1}
  Either: {Condition: Either, Value: 1}
";
    check(
        template,
        expect![[r#"
        output Both = 1
        output Dev = 1
    "#]],
    );
    check_with(
        template,
        &[("Stage", "prod")],
        &[],
        expect![[r#"
        output Either = 1
        output NotDev = 1
    "#]],
    );
}

#[test]
fn wrong_conditions() {
    check(
        "
Conditions:
  A: !Condition B
  B: !Or [!Condition A, !Equals [x, !Ref Fn]]
  C: !And [!Condition A]
  D: !Equal [a, b]
Resources:
  Fn: {Type: AWS::SNS::Topic}
",
        expect![[r#"
            error template.yaml:5:6: unknown tag !Equal, did you mean Equals?
        "#]],
    );
    check(
        "
Conditions:
  A: !Condition B
  B: !Or [!Condition A, !Equals [x, !Ref Fn]]
  C: !And [!Condition A]
  D: !Equals [a]
  E: {'Fn::Nott': [!Condition Aa]}
  F: true
Resources:
  Fn: {Type: AWS::SNS::Topic}
",
        expect![[r#"
            error template.yaml:3:11: Conditions.A: conditions depend on each other: A -> B -> A
            error template.yaml:3:37: Conditions.B: only parameters can be referred to here, and Fn is none
            error template.yaml:4:6: Conditions.C: Fn::And takes from 2 to 10 conditions, found 1
            error template.yaml:5:6: Conditions.D: Fn::Equals takes [value, value]
            error template.yaml:6:7: Conditions.E: Fn::Nott is not a condition function, did you mean Fn::Not?
            error template.yaml:7:6: Conditions.F: a condition is one of the condition functions, found a boolean
        "#]],
    );
}

#[test]
fn language_extensions_must_be_declared() {
    check(
        "
Resources: {}
Outputs:
  A: {Value: !Length [a]}
  B: {Value: !ToJsonString [a]}
  Fn::ForEach::Loop: [X, [a], {'O${X}': {Value: !Ref X}}]
",
        expect![[r#"
            error template.yaml:3:14: Outputs.A.Value: Fn::Length needs Transform: AWS::LanguageExtensions
            error template.yaml:4:14: Outputs.B.Value: Fn::ToJsonString needs Transform: AWS::LanguageExtensions
            error template.yaml:5:3: Outputs.Fn::ForEach::Loop: Fn::ForEach needs Transform: AWS::LanguageExtensions
        "#]],
    );
}

#[test]
fn for_each_repeats_resources_and_outputs() {
    check(
        "
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters:
  Names: {Type: CommaDelimitedList, Default: 'Pay,Ship'}
Resources:
  Fn::ForEach::Functions:
    - Name
    - !Ref Names
    - ${Name}Function:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: src/${Name}
          Handler: index.handler
          Runtime: nodejs22.x
          Environment:
            Variables:
              NAME: !Ref Name
              Fn::ForEach::Peers:
                - Peer
                - [a-1, b-2]
                - PEER_&{Peer}: !Sub ${AWS::Region}/${Name}/${Peer}
Outputs:
  Fn::ForEach::Arns: [Name, [Pay, Ship], {'${Name}Arn': {Value: !GetAtt '${Name}Function.Arn'}}]
",
        expect![[r#"
            function PayFunction shop-PayFunction nodejs22.x index.handler Directory("src/Pay") line 8
              NAME=Pay
              PEER_a1=eu-central-1/Pay/a-1
              PEER_b2=eu-central-1/Pay/b-2
            function ShipFunction shop-ShipFunction nodejs22.x index.handler Directory("src/Ship") line 8
              NAME=Ship
              PEER_a1=eu-central-1/Ship/a-1
              PEER_b2=eu-central-1/Ship/b-2
            output PayArn = arn:aws:lambda:eu-central-1:123456789012:function:shop-PayFunction
            output ShipArn = arn:aws:lambda:eu-central-1:123456789012:function:shop-ShipFunction
        "#]],
    );
}
