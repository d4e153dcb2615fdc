//! Templates as tutorials write them: no substitutions, functions named by their logical ids.

use expect_test::expect;

use crate::check_files;

const MACHINE: &str = "
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31

Resources:
  BookingStateMachine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: statemachine/booking.asl.json
      Type: STANDARD
      Policies:
        - LambdaInvokePolicy:
            FunctionName: !Ref CheckSeatFunction
";

const FUNCTION: &str = "
  CheckSeatFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: checkSeat.handler, Runtime: nodejs22.x}
";

const DEFINITION: &str = r#"{
  "StartAt": "CheckSeat",
  "States": {
    "CheckSeat": {"Type": "Task", "Resource": "${CheckSeatFunctionArn}", "Next": "A"},
    "A": {"Type": "Task", "Resource": "${CheckSeatFunction.Arn}", "Next": "B"},
    "B": {"Type": "Pass", "Comment": "${CheckSeatFunction} ${CheckSeatArn}", "End": true}
  }
}"#;

#[test]
fn a_name_that_can_only_be_a_function_is_that_function() {
    check_files(
        &format!("{MACHINE}{FUNCTION}"),
        &[("statemachine/booking.asl.json", DEFINITION)],
        expect![[r#"
            function CheckSeatFunction shop-CheckSeatFunction nodejs22.x checkSeat.handler Directory("src/") line 14
            state machine BookingStateMachine shop-BookingStateMachine Standard line 5
              from statemachine/booking.asl.json: {"StartAt":"CheckSeat","States":{"CheckSeat":{"Type":"Task","Resource":"arn:aws:lambda:eu-central-1:123456789012:function:shop-CheckSeatFunction","Next":"A"},"A":{"Type":"Task","Resource":"arn:aws:lambda:eu-central-1:123456789012:function:shop-CheckSeatFunction","Next":"B"},"B":{"Type":"Pass","Comment":"shop-CheckSeatFunction ${CheckSeatArn}","End":true}}}
            AWS::IAM::Role BookingStateMachineRole shop-BookingStateMachineRole {"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["states.amazonaws.com"]},"Action":["sts:AssumeRole"]}]},"ManagedPolicyArns":[],"Policies":[{"PolicyName":"BookingStateMachineRolePolicy0","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:InvokeFunction"],"Resource":"arn:aws:lambda:eu-central-1:123456789012:function:shop-CheckSeatFunction*"}]}}],"RoleName":"shop-BookingStateMachineRole"}
            warning statemachine/booking.asl.json:4:48: resource BookingStateMachine, property DefinitionUri: ${CheckSeatFunctionArn} is taken to be arn:aws:lambda:eu-central-1:123456789012:function:shop-CheckSeatFunction; AWS would need DefinitionSubstitutions for it
            warning statemachine/booking.asl.json:5:40: resource BookingStateMachine, property DefinitionUri: ${CheckSeatFunction.Arn} is taken to be arn:aws:lambda:eu-central-1:123456789012:function:shop-CheckSeatFunction; AWS would need DefinitionSubstitutions for it
            warning statemachine/booking.asl.json:6:39: resource BookingStateMachine, property DefinitionUri: ${CheckSeatFunction} is taken to be shop-CheckSeatFunction; AWS would need DefinitionSubstitutions for it
            warning statemachine/booking.asl.json:6:60: resource BookingStateMachine, property DefinitionUri: ${CheckSeatArn} has no substitution and stays as it is
        "#]],
    );
}

#[test]
fn a_policy_for_a_function_that_is_not_there_is_an_error() {
    check_files(
        MACHINE,
        &[("statemachine/booking.asl.json", DEFINITION)],
        expect![[r#"
        error template.yaml:12:27: resource BookingStateMachine, property Policies.0.LambdaInvokePolicy.FunctionName: there is no resource or parameter CheckSeatFunction
    "#]],
    );
}
