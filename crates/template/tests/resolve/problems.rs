//! Errors and warnings have file, line, column, resource and property.

use expect_test::expect;

use crate::check;

#[test]
fn an_unknown_reference_names_the_property_and_the_nearest_name() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  PayFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Handler: i.h
      Runtime: nodejs22.x
      Environment:
        Variables:
          OTHER: !Ref PayFuntion
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {StartAt: !GetAtt Nowhere.Arn}
      DefinitionSubstitutions:
        Arn: !Sub '${PayFunctoin.Arn}'
      Policies:
        - LambdaInvokePolicy:
            FunctionName: !Ref ValidateOrderFunction
  Queue:
    Type: AWS::SQS::Queue
    DependsOn: [Machin]
    Properties:
      RedrivePolicy: {deadLetterTargetArn: {Fn::GetAtt: [Dead, Arn]}}
",
        expect![[r#"
            error template.yaml:11:18: resource PayFunction, property Environment.Variables.OTHER: there is no resource or parameter PayFuntion, did you mean PayFunction?
            error template.yaml:15:29: resource Machine, property Definition.StartAt: there is no resource or parameter Nowhere
            error template.yaml:17:14: resource Machine, property DefinitionSubstitutions.Arn: there is no resource or parameter PayFunctoin, did you mean PayFunction?
            error template.yaml:20:27: resource Machine, property Policies.0.LambdaInvokePolicy.FunctionName: there is no resource or parameter ValidateOrderFunction
            error template.yaml:23:17: resource Queue, property DependsOn: there is no resource or parameter Machin, did you mean Machine?
            error template.yaml:25:44: resource Queue, property RedrivePolicy.deadLetterTargetArn: there is no resource or parameter Dead
        "#]],
    );
}

#[test]
fn a_cycle_is_listed() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {CodeUri: src, Handler: i.h, Runtime: nodejs22.x}}
Resources:
  Free: {Type: AWS::Serverless::Function}
  A:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {M: !Ref M}}}
  M:
    Type: AWS::Serverless::StateMachine
    DependsOn: Queue
    Properties: {Definition: {}, DefinitionSubstitutions: {Free: !Ref Free}}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {Tags: [{Key: k, Value: !Sub '${A.Arn}'}]}
",
        expect![[r#"
            error template.yaml:5:3: resource A: resources depend on each other: A -> M -> Queue -> A
        "#]],
    );
    check(
        "
Resources:
  A: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref A}}
",
        expect![[r#"
            error template.yaml:2:3: resource A: resources depend on each other: A -> A
        "#]],
    );
}

#[test]
fn the_frame_of_a_template_is_checked() {
    check(
        "
AWSTemplateFormatVersion: '2010-09-08'
Transform: [AWS::Serverless-2016-10-31x, MyMacro, {Name: AWS::Include, Parameters: {Location: x}}]
Resorces: {}
Outputs:
",
        expect![[r#"
            error template.yaml:1:1: a template needs a Resources section
            error template.yaml:1:27: AWSTemplateFormatVersion: the only version is 2010-09-09
            error template.yaml:2:13: Transform: transform AWS::Serverless-2016-10-31x runs on AWS only and is not supported, did you mean AWS::Serverless-2016-10-31?
            error template.yaml:2:42: Transform: transform MyMacro runs on AWS only and is not supported
            error template.yaml:2:51: Transform: transform AWS::Include runs on AWS only and is not supported
            error template.yaml:3:1: a template has no section Resorces, did you mean Resources?
            error template.yaml:4:8: Outputs: Outputs is a map, found null
        "#]],
    );
    check(
        "
Rules: {R: {Assertions: [{Assert: !Contains [[a], a]}]}}
Resources:
  A: {Typ: x}
  B: {Type: AWS::SNS::Topic, Propertys: {}}
  C: text
  D-E: {Type: AWS::SNS::Topic}
  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: x, Handler: i.h, Runtime: nodejs22.x}}
  G: {Type: AWS::SNS::Topic, Condition: No}
  H: {Type: AWS::SNS::Topic, Properties: []}
Outputs:
  NoValue: {Description: x}
  List: {Value: [a]}
  Cond: {Condition: No, Value: x}
",
        expect![[r#"
            error template.yaml:3:3: resource A: a resource needs a Type
            error template.yaml:3:7: resource A: a resource has no attribute Typ, did you mean Type?
            error template.yaml:4:30: resource B: a resource has no attribute Propertys, did you mean Properties?
            error template.yaml:5:3: resource C: a resource is a map, found text
            error template.yaml:6:3: resource D-E: a logical id has only letters and digits, found D-E
            error template.yaml:7:13: resource F: AWS::Serverless::Function needs Transform: AWS::Serverless-2016-10-31 in the template
            error template.yaml:8:41: resource G: there is no condition No
            error template.yaml:9:42: resource H: Properties is a map, found a list
            error template.yaml:11:3: Outputs.NoValue: an output needs a Value
            error template.yaml:12:17: Outputs.List.Value: an output is text, found a list
            error template.yaml:13:3: Outputs.Cond: there is no condition No
        "#]],
    );
}

#[test]
fn warnings_say_what_is_skipped() {
    check(
        "
Rules: {R: {Assertions: [{Assert: !Contains [[a], a]}]}}
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Queue: {Type: AWS::SQS::Queue}
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Logs: {Type: AWS::Logs::LogGroup}
",
        expect![[r#"
            AWS::IAM::Role Role shop-Role {"AssumeRolePolicyDocument":{},"RoleName":"shop-Role"}
            AWS::Logs::LogGroup Logs shop-Logs {"LogGroupName":"shop-Logs"}
            warning template.yaml:1:1: Rules: rules are not checked
            warning template.yaml:3:17: resource Topic: resource type AWS::SNS::Topic is not supported and is skipped
            warning template.yaml:4:17: resource Queue: resource type AWS::SQS::Queue is not supported and is skipped
        "#]],
    );
}

#[test]
fn a_problem_prints_as_json_for_machines() {
    let problems = crate::resolve_text(
        "Resources:\n  A: {Type: AWS::SNS::Topic, DependsOn: B}\n",
        &[],
        &[],
    );
    let json = serde_json::to_string(&problems.unwrap_err()).unwrap();
    expect![[r#"[{"severity":"error","file":"template.yaml","line":2,"column":41,"resource":"A","property":"DependsOn","message":"there is no resource or parameter B, did you mean A?"}]"#]].assert_eq(&json);
}
