//! YAML and JSON.

use expect_test::expect;

use crate::{check, check_with};

#[test]
fn a_json_template() {
    check(
        "{\n\t\"Parameters\": {\"Stage\": {\"Type\": \"String\", \"Default\": \"d\\u00e9v \\ud83d\\ude00\\/\"}},\n\t\"Resources\": {\n\t\t\"Fn\": {\n\t\t\t\"Type\": \"AWS::Lambda::Function\",\n\t\t\t\"Properties\": {\"Code\": {\"ZipFile\": \"x\"}, \"Handler\": \"i.h\", \"Runtime\": \"nodejs22.x\", \"Role\": {\"Fn::Sub\": \"r-${Stage}\"},\n\t\t\t\t\"Timeout\": 1000, \"MemorySize\": 1.5, \"Environment\": {\"Variables\": {\"A\": {\"Ref\": \"Stge\"}}}}\n\t\t}\n\t}\n}\n",
        expect![[r#"
            error template.yaml:7:16: resource Fn, property Timeout: expected a whole number from 1 to 900, found "1000"
            error template.yaml:7:36: resource Fn, property MemorySize: expected a whole number from 128 to 10240, found "1.5"
            error template.yaml:7:76: resource Fn, property Environment.Variables.A: there is no resource or parameter Stge, did you mean Stage?
        "#]],
    );
    check(
        "{\"Resources\": {}, \"Outputs\": {\"A\": {\"Value\": {\"Fn::Join\": [\"\", [1, true, \"\\u00e9\"]]}}}}",
        expect![[r#"
            output A = 1trueé
        "#]],
    );
    check(
        "{\"Resources\": {},\n \"Resources\": {}}",
        expect![[r#"
        error template.yaml:2:2: the name "Resources" is already in this map
    "#]],
    );
}

#[test]
fn mistakes_in_json_are_told_as_json() {
    check(
        "{\n  \"Resources\": {},\n  \"Outputs\": ]\n}\n",
        expect![[r#"
        error template.yaml:3:14: not valid JSON: expected value
    "#]],
    );
    check(
        "{\"Resources\": {}",
        expect![[r#"
        error template.yaml:1:16: not valid JSON: EOF while parsing an object
    "#]],
    );
    check(
        "{\"Resources\": {}, \"Metadata\": 1e999}",
        expect![[r#"
        error template.yaml:1:31: the number 1e999 is out of range
    "#]],
    );
    // Valid YAML: a plain name and a trailing comma.
    check("{\"Resources\": {}, Metadata: 1,}", expect![]);
}

#[test]
fn anchors_aliases_and_merge_keys() {
    check(
        "
Resources:
  One:
    Type: AWS::Lambda::Function
    Properties: &shared
      Code: &code {ZipFile: x}
      Handler: i.h
      Runtime: nodejs22.x
      Role: r
      Environment: {Variables: &variables {A: 1, B: 2}}
  Two:
    Type: AWS::Lambda::Function
    Properties:
      <<: *shared
      Handler: two.h
      Environment: {Variables: {<<: [*variables, {B: 9, D: 4}], A: own}}
  Three:
    Type: AWS::Lambda::Function
    Properties: {Code: *code, Handler: i.h, Runtime: nodejs22.x, Role: r}
",
        expect![[r#"
            function One shop-One nodejs22.x i.h Inline("x") line 2
              A=1
              B=2
            function Two shop-Two nodejs22.x two.h Inline("x") line 10
              A=own
              B=2
              D=4
            function Three shop-Three nodejs22.x i.h Inline("x") line 16
        "#]],
    );
    check(
        "Resources: &a {B: *a}\n",
        expect![[r#"
        error template.yaml:1:19: the alias refers to the value that contains it
    "#]],
    );
    check(
        "Resources: {<<: 1}\n",
        expect![[r#"
        error template.yaml:1:17: << merges maps, found a number
    "#]],
    );
    check(
        "Resources: *nothing\n",
        expect![[r#"
        error template.yaml:1:12: not valid YAML: while parsing node, found unknown anchor
    "#]],
    );
}

#[test]
fn scalars_keep_their_text() {
    check(
        "
Resources: {}
Outputs:
  Account: {Value: 012345678901}
  Quoted: {Value: '0123'}
  Yes: {Value: yes}
  On: {Value: on}
  Bool: {Value: True}
  Number: {Value: 1.10}
  Hex: {Value: 0x1F}
  Date: {Value: 2024-01-02}
  Tagged: {Value: !!str 1}
  Folded:
    Value: >-
      a
      b
  Block:
    Value: |-
      a
        b
  Empty: {Value: ''}
",
        expect![[r#"
            output Account = 012345678901
            output Block = a
              b
            output Bool = true
            output Date = 2024-01-02
            output Empty = 
            output Folded = a b
            output Hex = 0x1F
            output Number = 1.10
            output On = on
            output Quoted = 0123
            output Tagged = 1
            output Yes = yes
        "#]],
    );
}

#[test]
fn what_is_not_yaml() {
    check(
        "Resources:\n  A: {Type: x\n",
        expect![[r#"
        error template.yaml:3:1: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
    "#]],
    );
    check(
        "Resources:\n\tA: 1\n",
        expect![[r#"
        error template.yaml:2:2: not valid YAML: tabs disallowed within this context (block indentation) (YAML does not allow tabs as indentation)
    "#]],
    );
    check(
        "Resources:\n  A: 1\n B: 2\n",
        expect![[r#"
        error template.yaml:3:2: not valid YAML: while parsing a block mapping, did not find expected key
    "#]],
    );
    check(
        "Resources: {A: 1, A: 2}\n",
        expect![[r#"
        error template.yaml:1:19: the name "A" is already in this map
    "#]],
    );
    check(
        "",
        expect![[r#"
        error template.yaml:1:1: the text is empty
    "#]],
    );
    check(
        "- a\n",
        expect![[r#"
        error template.yaml:1:1: a template is a map, found a list
    "#]],
    );
    check(
        "Resources: {}\n---\nResources: {}\n",
        expect![[r#"
        error template.yaml:2:1: a second document starts here, only one is allowed
    "#]],
    );
    check(
        "Resources: {? [a] : b}\n",
        expect![[r#"
        error template.yaml:1:15: a name in a map must be text
    "#]],
    );
    check(
        "Resources: !!int x\n",
        expect![[r#"
        error template.yaml:1:12: "x" is not a !!int
    "#]],
    );
    check(
        "Resources: !Foo x\n",
        expect![[r#"
        error template.yaml:1:12: unknown tag !Foo
    "#]],
    );
}

#[test]
fn parameters() {
    let template = "
Parameters:
  Stage: {Type: String, AllowedValues: [dev, prod]}
  Count: {Type: Number, Default: 5, MinValue: 1, MaxValue: 10}
  Name: {Type: String, Default: abc, AllowedPattern: '[a-z]+', ConstraintDescription: lower case only}
  Short: {Type: String, Default: ab, MinLength: 2, MaxLength: 3}
  Numbers: {Type: List<Number>, Default: '1,2'}
  Key: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /shop/key}
  Secret: {Type: String, NoEcho: true, Default: aaa, AllowedPattern: a+}
Resources: {}
Outputs:
  All: {Value: !Sub '${Stage} ${Count} ${Name} ${Short} ${Key} ${Secret}'}
  Numbers: {Value: !Join [+, !Ref Numbers]}
";
    check(
        template,
        expect![[r#"
            error template.yaml:2:3: Parameters.Stage: parameter Stage has no value and no Default
            error template.yaml:7:3: Parameters.Key: type AWS::SSM::Parameter::Value<String>: the Systems Manager is not asked here, give the value itself with --parameter Key=VALUE
        "#]],
    );
    check_with(
        template,
        &[
            ("Stage", "prod"),
            ("Count", "10"),
            ("Numbers", "4, 5"),
            ("Key", "/shop/key"),
        ],
        &[],
        expect![[r#"
            output All = prod 10 abc ab /shop/key aaa
            output Numbers = 4+5
        "#]],
    );
    check_with(
        template,
        &[
            ("Stage", "test"),
            ("Count", "11"),
            ("Name", "abC"),
            ("Short", "abcd"),
            ("Numbers", "1,x"),
            ("Secret", "hidden"),
            ("Stagee", "dev"),
        ],
        &[],
        expect![[r#"
            error template.yaml:1:1: Parameters: a value is given for Stagee, but there is no parameter Stagee, did you mean Stage?
            error template.yaml:2:3: Parameters.Stage: "test" is not allowed: "test" is not one of AllowedValues [dev, prod]
            error template.yaml:3:3: Parameters.Count: "11" is not allowed: more than MaxValue 10
            error template.yaml:4:3: Parameters.Name: "abC" is not allowed: lower case only ("abC" does not match AllowedPattern [a-z]+)
            error template.yaml:5:3: Parameters.Short: "abcd" is not allowed: longer than MaxLength 3
            error template.yaml:6:3: Parameters.Numbers: "1,x" is not allowed: "x" is not a number
            error template.yaml:7:3: Parameters.Key: type AWS::SSM::Parameter::Value<String>: the Systems Manager is not asked here, give the value itself with --parameter Key=VALUE
            error template.yaml:8:3: Parameters.Secret: the value (NoEcho) is not allowed: the value (NoEcho) does not match AllowedPattern a+
        "#]],
    );
}

#[test]
fn mistakes_in_parameters() {
    check(
        "
Parameters:
  A: {Default: x}
  B: {Type: Strin, Default: x}
  C: {Type: String, Defaut: x}
  D: {Type: Number, Default: x}
  E: {Type: String, Default: x, AllowedPattern: '(?=x)x'}
Resources: {}
",
        expect![[r#"
            error template.yaml:2:3: Parameters.A: a parameter needs a Type
            error template.yaml:3:3: Parameters.B: unknown parameter type Strin, did you mean String?
            error template.yaml:4:3: Parameters.C: parameter C has no value and no Default
            error template.yaml:4:21: Parameters.C: a parameter has no attribute Defaut, did you mean Default?
            error template.yaml:5:3: Parameters.D: "x" is not allowed: "x" is not a number
        "#]],
    );
}

#[test]
fn a_broken_template_is_answered_wherever_it_breaks() {
    let template = "Transform: [AWS::Serverless-2016-10-31, AWS::LanguageExtensions]
Parameters: {P: {Type: CommaDelimitedList, Default: 'a,b'}}
Mappings: {M: {a: {b: c}}}
Conditions: {C: !And [!Equals [!Select [0, !Ref P], a], !Not [!Condition D]], D: !Equals [x, 'y']}
Globals: {Function: {Handler: i.h, Runtime: nodejs22.x, Environment: {Variables: &v {A: 1}}}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Condition: C
    Metadata: {BuildMethod: esbuild, BuildProperties: {Minify: true}}
    Properties: {CodeUri: !Sub ['${A}/${!B}', {A: !FindInMap [M, a, b]}], Tags: {<<: *v}}
  M:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: !GetAtt F.Arn, X: !If [C, \"${F}\", !Join ['-', !Cidr [10.0.0.0/8, 2, 8]]]}
Outputs:
  Fn::ForEach::O: [I, !Ref P, {'O${I}': {Value: !Base64 '${I}'}}]
";
    assert!(crate::resolve_text(template, &[], &[]).is_ok());
    let mut refused = 0;
    for (at, _) in template.char_indices() {
        for broken in ["", "{", "]", "!", "*v", ": ", "\t"] {
            let text = format!("{}{broken}{}", &template[..at], &template[at + 1..]);
            refused += usize::from(crate::resolve_text(&text, &[], &[]).is_err());
        }
        refused += usize::from(crate::resolve_text(&template[..at], &[], &[]).is_err());
    }
    assert!(refused > template.len());
}
