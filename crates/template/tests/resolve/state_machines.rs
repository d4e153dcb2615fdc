//! State machines and their definitions.

use expect_test::expect;

use crate::{check, check_files};

#[test]
fn an_inline_definition_with_functions() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Parameters: {Seconds: {Type: Number, Default: 5}}
Conditions: {Fast: !Equals [a, a]}
Resources:
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: orders
      Type: EXPRESS
      Definition:
        StartAt: Pay
        States:
          Pay:
            Type: Task
            Resource: !GetAtt Fn.Arn
            ResultPath: null
            TimeoutSeconds: ${Timeout}
            HeartbeatSeconds: 10
            Comment: !If [Fast, 1, 2]
            Parameters: {Name: !Ref Fn, Text: '${Text}', Seconds: !Ref Seconds}
            End: true
      DefinitionSubstitutions:
        Timeout: 30
        Text: !Sub 'in ${AWS::Region}'
      Tracing: {Enabled: true}
      Tags: {team: shop}
      Logging:
        Level: ALL
        IncludeExecutionData: true
        Destinations:
          - CloudWatchLogsLogGroup: {LogGroupArn: !GetAtt Logs.Arn}
      Policies:
        - LambdaInvokePolicy: {FunctionName: !Ref Fn}
  Logs: {Type: AWS::Logs::LogGroup}
  Fn:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: i.h, Runtime: nodejs22.x}
Outputs:
  Arn: {Value: !Ref Machine}
  Name: {Value: !GetAtt Machine.Name}
",
        expect![[r#"
            function Fn shop-Fn nodejs22.x i.h Directory("src") line 35
            state machine Machine orders Express line 5
              {"StartAt":"Pay","States":{"Pay":{"Type":"Task","Resource":"arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn","ResultPath":null,"TimeoutSeconds":"30","HeartbeatSeconds":10,"Comment":"1","Parameters":{"Name":"shop-Fn","Text":"in eu-central-1","Seconds":"5"},"End":true}}}
              logging {"level":"ALL","includeExecutionData":true,"destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:eu-central-1:123456789012:log-group:shop-Logs:*"}}]}
              tracing
              tag team=shop
            AWS::Logs::LogGroup Logs shop-Logs {"LogGroupName":"shop-Logs"}
            AWS::IAM::Role MachineRole shop-MachineRole {"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["states.amazonaws.com"]},"Action":["sts:AssumeRole"]}]},"ManagedPolicyArns":["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"],"Policies":[{"PolicyName":"MachineRolePolicy0","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":"arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn*"}]}}],"RoleName":"shop-MachineRole"}
            output Arn = arn:aws:states:eu-central-1:123456789012:stateMachine:orders
            output Name = orders
        "#]],
    );
}

const URI: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.EXT
      DefinitionSubstitutions: {Seconds: 7, Flag: true, Next: Done}
";

#[test]
fn substitutions_come_before_the_parse_so_numbers_need_no_quotes() {
    let json = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":${Seconds},"End":${Flag},"Comment":"${Next}"}}}"#;
    check_files(
        &URI.replace("EXT", "json"),
        &[("machine.asl.json", json)],
        expect![[r#"
        state machine Machine shop-Machine Standard line 3
          from machine.asl.json: {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":7,"End":true,"Comment":"Done"}}}
    "#]],
    );
    let yaml = "
StartAt: W
States:
  W:
    Type: Wait
    Seconds: ${Seconds}
    End: ${Flag}
    Comment: \"${Next}\"
    ResultPath: null
";
    check_files(
        &URI.replace("EXT", "yaml"),
        &[("machine.asl.yaml", yaml)],
        expect![[r#"
        state machine Machine shop-Machine Standard line 3
          from machine.asl.yaml: {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":7,"End":true,"Comment":"Done","ResultPath":null}}}
    "#]],
    );
}

#[test]
fn a_json_file_stays_as_it_is_to_the_byte() {
    let text = "{\n\t\"StartAt\" : \"\\ud83d\\ude00\",  \"n\": 1.50 }\n";
    let template = URI.replace("EXT", "json");
    let stack = crate::resolve_text(&template, &[], &[("machine.asl.json", text)]).unwrap();
    assert_eq!(stack.state_machines[0].definition, text);
}

#[test]
fn mistakes_in_definition_files_have_the_position_in_the_file() {
    let json = "{\n  \"StartAt\": \"A\",\n  \"States\": {,}\n}\n";
    check_files(
        &URI.replace("EXT", "json"),
        &[("machine.asl.json", json)],
        expect![[r#"
        error machine.asl.json:3:14: resource Machine, property DefinitionUri: not valid JSON: key must be a string
    "#]],
    );
    let yaml = "StartAt: A\nStates:\n  A: {Type: Pass\n";
    check_files(
        &URI.replace("EXT", "yaml"),
        &[("machine.asl.yaml", yaml)],
        expect![[r#"
        error machine.asl.yaml:4:1: resource Machine, property DefinitionUri: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'
    "#]],
    );
    check_files(
        &URI.replace("EXT", "yaml"),
        &[("machine.asl.yaml", "- a\n")],
        expect![[r#"
        error machine.asl.yaml:1:1: resource Machine, property DefinitionUri: a definition is a map, found a list
    "#]],
    );
    check_files(
        &URI.replace("EXT", "yaml"),
        &[("machine.asl.yaml", "A: 1\nA: 2\n")],
        expect![[r#"
        error machine.asl.yaml:2:1: resource Machine, property DefinitionUri: the name "A" is already in this map
    "#]],
    );
    check_files(
        &URI.replace("EXT", "yaml"),
        &[],
        expect![[r#"
        error template.yaml:6:22: resource Machine, property DefinitionUri: cannot read machine.asl.yaml: no such file
    "#]],
    );
}

#[test]
fn names_without_substitution_stay_and_are_warned_about() {
    let json = "{\"A\": \"${Secnds} ${Other} ${Other} ${not a name} ${\",\n \"B\": \"{% $x ? '${' : 1 %}\"}";
    check_files(
        &URI.replace("EXT", "json"),
        &[("machine.asl.json", json)],
        expect![[r#"
        state machine Machine shop-Machine Standard line 3
          from machine.asl.json: {"A":"${Secnds} ${Other} ${Other} ${not a name} ${","B":"{% $x ? '${' : 1 %}"}
        warning template.yaml:7:33: resource Machine, property DefinitionSubstitutions.Seconds: the definition has no ${Seconds}
        warning template.yaml:7:45: resource Machine, property DefinitionSubstitutions.Flag: the definition has no ${Flag}
        warning template.yaml:7:57: resource Machine, property DefinitionSubstitutions.Next: the definition has no ${Next}
        warning machine.asl.json:1:8: resource Machine, property DefinitionUri: ${Secnds} has no substitution and stays as it is, did you mean Seconds?
        warning machine.asl.json:1:18: resource Machine, property DefinitionUri: ${Other} has no substitution and stays as it is
    "#]],
    );
}

#[test]
fn definitions_in_s3_are_refused_by_name() {
    check(
        &URI.replace("machine.asl.EXT", "s3://bucket/key.json"),
        expect![[r#"
        error template.yaml:6:22: resource Machine, property DefinitionUri: the definition is at s3://bucket/key.json: S3 is not read, name a local file
    "#]],
    );
    check(
        &URI.replace("machine.asl.EXT", "{Bucket: b, Key: k}"),
        expect![[r#"
        error template.yaml:6:22: resource Machine, property DefinitionUri: the definition is at s3://b/k: S3 is not read, name a local file
    "#]],
    );
    check(
        &URI.replace("machine.asl.EXT", "[a]"),
        expect![[r#"
        error template.yaml:6:22: resource Machine, property DefinitionUri: expected the path of a file, found a list
    "#]],
    );
}

#[test]
fn the_native_type() {
    check_files(
        "
Resources:
  Text:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: text
      StateMachineType: EXPRESS
      RoleArn: !GetAtt Role.Arn
      DefinitionString: !Sub |
        {\"StartAt\": \"A\", \"States\": {\"A\": {\"Type\": \"Task\", \"Resource\": \"${Fn.Arn}\", \"TimeoutSeconds\": ${!Seconds}, \"End\": true}}}
      DefinitionSubstitutions: {Seconds: 5}
      TracingConfiguration: {Enabled: false}
      LoggingConfiguration: {Level: 'OFF'}
      Tags: [{Key: team, Value: shop}]
  Object:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: arn:aws:iam::123456789012:role/r
      Definition: {StartAt: A, States: {A: {Type: Wait, Seconds: !If [Yes, 1, 2], End: true}}}
  File:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: arn:aws:iam::123456789012:role/r
      DefinitionS3Location: file.json
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Fn:
    Type: AWS::Lambda::Function
    Properties: {Code: {ZipFile: x}, Handler: index.h, Runtime: nodejs22.x, Role: !GetAtt Role.Arn}
Conditions: {'Yes': !Equals [1, '1']}
",
        &[("file.json", r#"{"StartAt":"A"}"#)],
        expect![[r#"
            function Fn shop-Fn nodejs22.x index.h Inline("x") line 25
            state machine Text text Express line 2
              {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn","TimeoutSeconds":5,"End":true}}}
              logging {"level":"OFF"}
              tag team=shop
            state machine Object shop-Object Standard line 14
              {"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":1,"End":true}}}
            state machine File shop-File Standard line 19
              from file.json: {"StartAt":"A"}
            AWS::IAM::Role Role shop-Role {"AssumeRolePolicyDocument":{},"RoleName":"shop-Role"}
        "#]],
    );
}

#[test]
fn mistakes_in_state_machines() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  None: {Type: AWS::Serverless::StateMachine, Properties: {Role: r, Policies: []}}
  Two: {Type: AWS::Serverless::StateMachine, Properties: {Definition: {}, DefinitionUri: x}}
  Word: {Type: AWS::Serverless::StateMachine, Properties: {Definition: {}, Type: Express}}
  Text: {Type: AWS::Serverless::StateMachine, Properties: {Definition: text}}
  List: {Type: AWS::Serverless::StateMachine, Properties: {Definition: {A: !Split [',', 'a,b']}}}
  Subs: {Type: AWS::Serverless::StateMachine, Properties: {Definition: {}, DefinitionSubstitutions: {A: [1]}}}
  Logs:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {}
      Logging: {Level: SOME, IncludeExecutionData: maybe, Destinations: [{LogGroupArn: x}]}
      Tracing: {Enabled: yes}
  Native:
    Type: AWS::StepFunctions::StateMachine
    Properties: {DefinitionString: '{oops}'}
",
        expect![[r#"
            error template.yaml:3:47: resource None, property Definition: a state machine needs one of Definition, DefinitionUri
            error template.yaml:3:79: resource None, property Policies: a state machine has either Role or Policies
            error template.yaml:4:90: resource Two, property DefinitionUri: a state machine has only one of Definition, DefinitionUri
            error template.yaml:5:82: resource Word, property Type: expected one of STANDARD, EXPRESS, found "Express", did you mean EXPRESS?
            error template.yaml:6:72: resource Text, property Definition: a Definition is a map, found text
            error template.yaml:7:76: resource List, property Definition.A: a function in a SAM definition must give text, found a list
            error template.yaml:8:105: resource Subs, property DefinitionSubstitutions.A: expected text, found a list
            error template.yaml:13:24: resource Logs, property Logging.Level: expected one of ALL, ERROR, FATAL, OFF, found "SOME"
            error template.yaml:13:52: resource Logs, property Logging.IncludeExecutionData: expected true or false, found "maybe"
            error template.yaml:13:74: resource Logs, property Logging.Destinations: a destination is {CloudWatchLogsLogGroup: {LogGroupArn: ..}}
            error template.yaml:14:26: resource Logs, property Tracing.Enabled: expected true or false, found "yes"
            error template.yaml:17:5: resource Native, property RoleArn: the required property RoleArn is missing
            error template.yaml:17:36: resource Native, property DefinitionString: the definition is not JSON: key must be a string at line 1 column 2
        "#]],
    );
}
