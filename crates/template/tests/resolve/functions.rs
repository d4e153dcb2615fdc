//! Functions, `Globals`, and the resources beside them.

use expect_test::expect;

use crate::{check, check_with};

#[test]
fn a_sam_function_with_everything() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  PayFunction:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: esbuild
      BuildProperties: {Minify: true, Target: es2022, Sourcemap: true, EntryPoints: [pay.ts]}
    Properties:
      FunctionName: !Sub pay-${AWS::Region}
      CodeUri: src/
      Handler: pay.handler
      Runtime: nodejs22.x
      Timeout: '30'
      MemorySize: 256
      Environment: {Variables: {PORT: 8080, DEBUG: true, RATE: 1.50, DAY: 2024-01-31, ANSWER: yes}}
      Layers: [!Ref Shared]
      Tags: {team: shop}
      Tracing: Active
      ReservedConcurrentExecutions: 5
      Policies:
        - AWSLambdaBasicExecutionRole
        - DynamoDBCrudPolicy: {TableName: !Ref Orders}
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
  Orders: {Type: AWS::DynamoDB::Table}
",
        expect![[r#"
            function PayFunction pay-eu-central-1 nodejs22.x pay.handler Directory("src/") line 3
              30 s, 256 MB
              ANSWER=yes
              DAY=2024-01-31
              DEBUG=true
              PORT=8080
              RATE=1.50
              tag team=shop
              build esbuild {"Minify":true,"Target":"es2022","Sourcemap":true,"EntryPoints":["pay.ts"]}
              layers {{stepwell:Shared.Ref}}
              reserved 5
            AWS::IAM::Role PayFunctionRole shop-PayFunctionRole {"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com"]},"Action":["sts:AssumeRole"]}]},"ManagedPolicyArns":["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole","arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"],"Policies":[{"PolicyName":"PayFunctionRolePolicy0","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:DeleteItem","dynamodb:PutItem","dynamodb:Scan","dynamodb:Query","dynamodb:UpdateItem","dynamodb:BatchWriteItem","dynamodb:BatchGetItem","dynamodb:DescribeTable","dynamodb:ConditionCheckItem"],"Resource":"arn:aws:dynamodb:eu-central-1:123456789012:table/shop-Orders"}]}}],"RoleName":"shop-PayFunctionRole"}
            AWS::Lambda::LayerVersion Shared shop-Shared {"Content":"layer/","LayerName":"shop-Shared"}
            warning template.yaml:24:18: resource Orders: resource type AWS::DynamoDB::Table is not supported and is skipped
        "#]],
    );
}

#[test]
fn globals_replace_scalars_merge_maps_and_append_lists() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: nodejs22.x
    Handler: index.handler
    Timeout: 10
    Layers: ['arn:aws:lambda:eu-central-1:1:layer:a:1']
    Environment: {Variables: {A: global, B: global}}
    Tags: {t: g}
  StateMachine:
    PropagateTags: true
Resources:
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: one
      Timeout: 20
      Layers: ['arn:aws:lambda:eu-central-1:1:layer:b:1']
      Environment: {Variables: {B: local, C: local}}
  Two:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: two.zip}
  Plain:
    Type: AWS::Lambda::Function
    Properties: {Code: dir, Handler: a.b, Runtime: nodejs22.x, Role: 'arn:aws:iam::1:role/r'}
",
        expect![[r#"
            function One shop-One nodejs22.x index.handler Directory("one") line 13
              20 s, 128 MB
              A=global
              B=local
              C=local
              tag t=g
              layers arn:aws:lambda:eu-central-1:1:layer:a:1 arn:aws:lambda:eu-central-1:1:layer:b:1
            function Two shop-Two nodejs22.x index.handler ZipFile("two.zip") line 20
              10 s, 128 MB
              A=global
              B=global
              tag t=g
              layers arn:aws:lambda:eu-central-1:1:layer:a:1
            function Plain shop-Plain nodejs22.x a.b Directory("dir") line 23
        "#]],
    );
}

#[test]
fn a_function_can_ignore_globals() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Timeout: 10, Tags: {t: g}, MemorySize: 512}}
Resources:
  All:
    Type: AWS::Serverless::Function
    IgnoreGlobals: '*'
    Properties: {CodeUri: a, Handler: i.h, Runtime: nodejs22.x}
  Some:
    Type: AWS::Serverless::Function
    IgnoreGlobals: [Timeout, Tags]
    Properties: {CodeUri: a, Handler: i.h, Runtime: nodejs22.x}
",
        expect![[r#"
            function All shop-All nodejs22.x i.h Directory("a") line 4
            function Some shop-Some nodejs22.x i.h Directory("a") line 8
              3 s, 512 MB
        "#]],
    );
}

#[test]
fn globals_refuse_what_sam_refuses() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {FunctionName: x, Timeot: 3}
  StateMachine: {Type: EXPRESS}
  Functions: {}
Resources: {}
",
        expect![[r#"
            error template.yaml:3:14: Globals.Function.FunctionName: FunctionName cannot stand in Globals, give it at each function
            error template.yaml:4:18: Globals.StateMachine.Type: Type cannot stand in Globals, StateMachine has only PropagateTags
            error template.yaml:5:3: Globals: Globals has no section Functions, did you mean Function? (it has Api, CapacityProvider, Function, HttpApi, LayerVersion, SimpleTable, StateMachine, WebSocketApi)
        "#]],
    );
    check(
        "Globals: {Function: {Timeout: 1}}\nResources: {}\n",
        expect![[r#"
        error template.yaml:1:1: Globals: Globals needs Transform: AWS::Serverless-2016-10-31 in the template
    "#]],
    );
}

#[test]
fn a_misspelt_global_is_a_warning() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Timeot: 3}}
Resources: {}
",
        expect![[r#"
            warning template.yaml:2:22: Globals.Function.Timeot: unknown property Timeot has no effect, did you mean Timeout?
        "#]],
    );
}

#[test]
fn where_code_can_be() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Handler: i.h, Runtime: nodejs22.x}}
Resources:
  Inline: {Type: AWS::Serverless::Function, Properties: {InlineCode: 'exports.h = 1'}}
  Uri: {Type: AWS::Serverless::Function, Properties: {CodeUri: 's3://b/k/x.zip'}}
  Object: {Type: AWS::Serverless::Function, Properties: {CodeUri: {Bucket: b, Key: k, Version: v}}}
  Native:
    Type: AWS::Lambda::Function
    Properties: {Code: {S3Bucket: b, S3Key: k}, Handler: i.h, Runtime: nodejs22.x, Role: r}
",
        expect![[r#"
            function Inline shop-Inline nodejs22.x i.h Inline("exports.h = 1") line 4
            function Uri shop-Uri nodejs22.x i.h S3 { bucket: "b", key: "k/x.zip", version: None } line 5
            function Object shop-Object nodejs22.x i.h S3 { bucket: "b", key: "k", version: Some("v") } line 6
            function Native shop-Native nodejs22.x i.h S3 { bucket: "b", key: "k", version: None } line 7
        "#]],
    );
}

#[test]
fn mistakes_in_a_function() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  Slow:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: {Bucket: b}
      Handler: [a]
      Timeout: 901
      MemorySize: lots
      Tracing: active
      Environment: {Variables: {LIST: [1], NOTHING: null}}
  Image:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
  Native:
    Type: AWS::Lambda::Function
    Properties:
      Code: {ImageUri: x}
",
        expect![[r#"
            error template.yaml:5:5: resource Slow, property Runtime: the required property Runtime is missing
            error template.yaml:6:16: resource Slow, property CodeUri.Key: the required property Key is missing
            error template.yaml:7:16: resource Slow, property Handler: expected text, found a list
            error template.yaml:8:16: resource Slow, property Timeout: expected a whole number from 1 to 900, found "901"
            error template.yaml:9:19: resource Slow, property MemorySize: expected a whole number from 128 to 10240, found "lots"
            error template.yaml:10:16: resource Slow, property Tracing: expected one of Active, PassThrough, Disabled, found "active", did you mean Active?
            error template.yaml:11:39: resource Slow, property Environment.Variables.LIST: expected text, found a list
            error template.yaml:11:53: resource Slow, property Environment.Variables.NOTHING: null values are not allowed in templates
            error template.yaml:11:53: resource Slow, property Environment.Variables.NOTHING: expected text, found null
            error template.yaml:15:20: resource Image, property PackageType: functions in container images are not supported, use a zip or a directory
            error template.yaml:18:5: resource Native, property Handler: the required property Handler is missing
            error template.yaml:18:5: resource Native, property Runtime: the required property Runtime is missing
            error template.yaml:18:5: resource Native, property Role: the required property Role is missing
            error template.yaml:19:24: resource Native, property Code.ImageUri: functions in container images are not supported, use a zip or a directory
        "#]],
    );
}

#[test]
fn properties_without_effect_and_typos_are_warnings() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: x
      Handler: i.h
      Runtime: nodejs22.x
      MemorySise: 512
      VpcConfig: {SubnetIds: [!ImportValue Subnet]}
      Environment: {Variable: {A: b}}
      Events:
        Api1: {Type: Api, Properties: {Path: /, Method: get}}
        Every: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
Outputs:
  Url: {Value: !Sub 'https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/'}
  Role: {Value: !GetAtt FnRole.Arn}
",
        expect![[r#"
            function Fn shop-Fn nodejs22.x i.h Inline("x") line 3
            AWS::Lambda::Permission FnEveryPermission shop-FnEveryPermission {"Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com","FunctionName":"arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn","SourceArn":"arn:aws:events:eu-central-1:123456789012:rule/shop-FnEvery"}
            AWS::Events::Rule FnEvery shop-FnEvery {"ScheduleExpression":"rate(1 minute)","Targets":[{"Arn":"arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn","Id":"FnEveryLambdaTarget"}],"Name":"shop-FnEvery"}
            AWS::Lambda::Permission FnApi1PermissionProd shop-FnApi1PermissionProd {"Action":"lambda:InvokeFunction","Principal":"apigateway.amazonaws.com","FunctionName":"arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn","SourceArn":"arn:aws:execute-api:eu-central-1:123456789012:{{stepwell:ServerlessRestApi.Ref}}/*/GET/"}
            AWS::ApiGateway::RestApi ServerlessRestApi shop-ServerlessRestApi {"Body":{"openapi":"3.0.1","info":{"version":"1.0","title":"shop"},"paths":{"/":{"get":{"x-amazon-apigateway-integration":{"httpMethod":"POST","type":"aws_proxy","uri":"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:shop-Fn/invocations"},"responses":{}}}}}}
            AWS::ApiGateway::Deployment ServerlessRestApiDeployment shop-ServerlessRestApiDeployment {"RestApiId":"{{stepwell:ServerlessRestApi.Ref}}","Description":"RestApi deployment id: 9b8f4b2c8fe0410c"}
            AWS::ApiGateway::Stage ServerlessRestApiProdStage Prod {"RestApiId":"{{stepwell:ServerlessRestApi.Ref}}","DeploymentId":"{{stepwell:ServerlessRestApiDeployment.Ref}}","StageName":"Prod"}
            output Role = arn:aws:iam::123456789012:role/shop-FnRole
            output Url = https://{{stepwell:ServerlessRestApi.Ref}}.execute-api.eu-central-1.amazonaws.com/Prod/
            warning template.yaml:9:7: resource Fn, property MemorySise: unknown property MemorySise has no effect, did you mean MemorySize?
            warning template.yaml:10:7: resource Fn, property VpcConfig: VpcConfig is not supported and has no effect
            warning template.yaml:11:21: resource Fn, property Environment.Variable: unknown property Variable has no effect, did you mean Variables?
        "#]],
    );
}

#[test]
fn references_to_resources_that_are_skipped_still_resolve() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: x
      Handler: i.h
      Runtime: nodejs22.x
      Role: !GetAtt Role.Arn
      Environment:
        Variables:
          QUEUE: !Ref Queue
          QUEUE_ARN: !GetAtt Queue.Arn
          TOPIC: !Ref Topic
          TABLE: !Ref Table
          TABLE_ARN: !GetAtt Table.Arn
          STREAM: !GetAtt Table.StreamArn
          BUCKET: !Ref Bucket
          BUCKET_ARN: !GetAtt Bucket.Arn
          OTHER: !Ref Other
          OTHER_ID: !GetAtt Other.Endpoint.Address
          LOGS: !Ref Logs
          LOGS_ARN: !GetAtt Logs.Arn
          SECRET: !Ref Secret
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}, RoleName: fn-role, Path: !Sub '/${AWS::StackName}/'}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub 'orders-${AWS::StackName}'}}
  Topic: {Type: AWS::SNS::Topic}
  Table: {Type: AWS::DynamoDB::Table}
  Bucket: {Type: AWS::S3::Bucket}
  Other: {Type: AWS::Redshift::Cluster}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /shop/x}}
  Secret: {Type: AWS::SecretsManager::Secret}
",
        expect![[r#"
            function Fn shop-Fn nodejs22.x i.h Inline("x") line 3
              BUCKET=shop-bucket
              BUCKET_ARN=arn:aws:s3:::shop-bucket
              LOGS=/shop/x
              LOGS_ARN=arn:aws:logs:eu-central-1:123456789012:log-group:/shop/x:*
              OTHER=shop-Other
              OTHER_ID=shop-Other-Endpoint-Address
              QUEUE=https://sqs.eu-central-1.amazonaws.com/123456789012/orders-shop
              QUEUE_ARN=arn:aws:sqs:eu-central-1:123456789012:orders-shop
              SECRET=arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop-Secret
              STREAM=arn:aws:dynamodb:eu-central-1:123456789012:shop-Table
              TABLE=shop-Table
              TABLE_ARN=arn:aws:dynamodb:eu-central-1:123456789012:table/shop-Table
              TOPIC=arn:aws:sns:eu-central-1:123456789012:shop-Topic
            AWS::IAM::Role Role fn-role {"AssumeRolePolicyDocument":{},"RoleName":"fn-role","Path":"/shop/"}
            AWS::Logs::LogGroup Logs /shop/x {"LogGroupName":"/shop/x"}
            warning template.yaml:17:19: resource Fn, property Environment.Variables.STREAM: attribute StreamArn of Table (AWS::DynamoDB::Table) has the made-up value arn:aws:dynamodb:eu-central-1:123456789012:shop-Table, the resource is not created
            warning template.yaml:21:21: resource Fn, property Environment.Variables.OTHER_ID: attribute Endpoint.Address of Other (AWS::Redshift::Cluster) has the made-up value shop-Other-Endpoint-Address, the resource is not created
            warning template.yaml:26:17: resource Queue: resource type AWS::SQS::Queue is not supported and is skipped
            warning template.yaml:27:17: resource Topic: resource type AWS::SNS::Topic is not supported and is skipped
            warning template.yaml:28:17: resource Table: resource type AWS::DynamoDB::Table is not supported and is skipped
            warning template.yaml:29:18: resource Bucket: resource type AWS::S3::Bucket is not supported and is skipped
            warning template.yaml:30:17: resource Other: resource type AWS::Redshift::Cluster is not supported and is skipped
            warning template.yaml:32:18: resource Secret: resource type AWS::SecretsManager::Secret is not supported and is skipped
        "#]],
    );
}

#[test]
fn a_false_condition_removes_a_resource() {
    let template = "
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: dev}}
Conditions: {IsProd: !Equals [!Ref Stage, prod]}
Resources:
  Audit:
    Type: AWS::Serverless::Function
    Condition: IsProd
    Properties: {InlineCode: x, Handler: i.h, Runtime: nodejs22.x}
  Fn:
    Type: AWS::Serverless::Function
    DependsOn: Audit
    Properties:
      InlineCode: x
      Handler: i.h
      Runtime: nodejs22.x
      Timeout: !If [IsProd, 30, !Ref AWS::NoValue]
      Environment: {Variables: {AUDIT: !If [IsProd, !Ref Audit, none]}}
";
    check(
        template,
        expect![[r#"
        function Fn shop-Fn nodejs22.x i.h Inline("x") line 9
          AUDIT=none
    "#]],
    );
    check_with(
        template,
        &[("Stage", "prod")],
        &[],
        expect![[r#"
        function Audit shop-Audit nodejs22.x i.h Inline("x") line 5
        function Fn shop-Fn nodejs22.x i.h Inline("x") line 9
          30 s, 128 MB
          AUDIT=shop-Audit
    "#]],
    );
    check(
        &template.replace("!If [IsProd, !Ref Audit, none]", "!Ref Audit"),
        expect![[r#"
        error template.yaml:17:40: resource Fn, property Environment.Variables.AUDIT: resource Audit does not exist because its condition IsProd is false
    "#]],
    );
}

#[test]
fn names_that_are_too_long_are_cut_and_stay_apart() {
    let id = "F".repeat(80);
    let template = format!(
        "
Resources:
  {id}A: {{Type: AWS::Lambda::Function, Properties: {{Code: d, Handler: i.h, Runtime: nodejs22.x, Role: r}}}}
  {id}B: {{Type: AWS::Lambda::Function, Properties: {{Code: d, Handler: i.h, Runtime: nodejs22.x, Role: r}}}}
"
    );
    let stack = crate::resolve_text(&template, &[], &[]).unwrap();
    let names: Vec<_> = stack.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names.iter().map(|n| n.len()).collect::<Vec<_>>(), [64, 64]);
    assert_ne!(names[0], names[1]);
}
