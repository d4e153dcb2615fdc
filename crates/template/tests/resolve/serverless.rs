//! What SAM makes of its resources, and single resources of APIs as one document.

use expect_test::expect;

use crate::check;

#[test]
fn events_of_a_state_machine_are_rules_schedules_and_methods_with_roles() {
    check(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  Go:
    Type: AWS::Serverless::StateMachine
    Properties:
      Role: arn:aws:iam::123456789012:role/r
      Definition: {StartAt: A, States: {A: {Type: Succeed}}}
      Events:
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 hour), Enabled: false, RoleArn: arn}}
        Cron: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), RoleArn: arn}}
        Placed: {Type: EventBridgeRule, Properties: {Pattern: {source: [a]}, RoleArn: arn, InputPath: $.detail, Target: {Id: t}}}
        Post: {Type: Api, Properties: {Path: /go, Method: POST, Role: arn, UnescapeMappingTemplate: true}}
        Queue: {Type: SQS, Properties: {Queue: q}}
",
        expect![[r#"
            state machine Go shop-Go Standard line 3
              {"StartAt":"A","States":{"A":{"Type":"Succeed"}}}
            AWS::Events::Rule GoTick shop-GoTick {"ScheduleExpression":"rate(1 hour)","State":"DISABLED","Targets":[{"Arn":"arn:aws:states:eu-central-1:123456789012:stateMachine:shop-Go","Id":"GoTickStepFunctionsTarget","RoleArn":"arn"}],"Name":"shop-GoTick"}
            AWS::Scheduler::Schedule GoCron shop-GoCron {"ScheduleExpression":"rate(1 day)","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"arn:aws:states:eu-central-1:123456789012:stateMachine:shop-Go","RoleArn":"arn"},"Name":"shop-GoCron"}
            AWS::Events::Rule GoPlaced shop-GoPlaced {"EventPattern":{"source":["a"]},"Targets":[{"Arn":"arn:aws:states:eu-central-1:123456789012:stateMachine:shop-Go","Id":"t","InputPath":"$.detail","RoleArn":"arn"}],"Name":"shop-GoPlaced"}
            AWS::ApiGateway::RestApi ServerlessRestApi shop-ServerlessRestApi {"Body":{"openapi":"3.0.1","info":{"version":"1.0","title":"shop"},"paths":{"/go":{"post":{"x-amazon-apigateway-integration":{"type":"aws","httpMethod":"POST","uri":"arn:aws:apigateway:eu-central-1:states:action/StartExecution","responses":{"200":{"statusCode":"200"},"400":{"statusCode":"400"}},"credentials":"arn","requestTemplates":{"application/json":"{\"input\": \"$util.escapeJavaScript($input.json('$')).replaceAll(\"\\\\'\",\"'\")\", \"stateMachineArn\": \"arn:aws:states:eu-central-1:123456789012:stateMachine:shop-Go\"}"}},"responses":{"200":{"description":"OK"},"400":{"description":"Bad Request"}}}}}}}
            AWS::ApiGateway::Deployment ServerlessRestApiDeployment shop-ServerlessRestApiDeployment {"RestApiId":"{{stepwell:ServerlessRestApi.Ref}}","Description":"RestApi deployment id: 8038842a98837cbf"}
            AWS::ApiGateway::Stage ServerlessRestApiProdStage Prod {"RestApiId":"{{stepwell:ServerlessRestApi.Ref}}","DeploymentId":"{{stepwell:ServerlessRestApiDeployment.Ref}}","StageName":"Prod"}
            warning template.yaml:13:16: resource Go, property Events.Queue: an event of type SQS is not built yet: nothing calls Go for it
        "#]],
    );
}

#[test]
fn a_published_alias_is_what_events_urls_and_references_mean() {
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
      Role: arn:aws:iam::123456789012:role/r
      AutoPublishAlias: live
      FunctionUrlConfig: {AuthType: NONE}
      EventInvokeConfig: {MaximumRetryAttempts: 0}
      Events:
        Any: {Type: HttpApi}
Outputs:
  Alias: {Value: !Ref Fn.Alias}
  Version: {Value: !GetAtt Fn.Version}
  Url: {Value: !GetAtt FnUrl.FunctionUrl}
",
        expect![[r#"
            function Fn shop-Fn nodejs22.x i.h Inline("x") line 3
            AWS::Lambda::Version FnVersion shop-FnVersion {"FunctionName":"shop-Fn"}
            AWS::Lambda::Alias FnAliaslive live {"FunctionName":"shop-Fn","FunctionVersion":"{{stepwell:FnVersion.Version}}","Name":"live"}
            AWS::Lambda::Url FnUrl shop-FnUrl {"TargetFunctionArn":"{{stepwell:FnAliaslive.Ref}}","AuthType":"NONE"}
            AWS::Lambda::Permission FnUrlPublicPermissions shop-FnUrlPublicPermissions {"Action":"lambda:InvokeFunctionUrl","Principal":"*","FunctionUrlAuthType":"NONE","FunctionName":"{{stepwell:FnAliaslive.Ref}}"}
            AWS::Lambda::Permission FnURLInvokeAllowPublicAccess shop-FnURLInvokeAllowPublicAccess {"Action":"lambda:InvokeFunction","Principal":"*","InvokedViaFunctionUrl":true,"FunctionName":"{{stepwell:FnAliaslive.Ref}}"}
            AWS::Lambda::EventInvokeConfig FnEventInvokeConfig shop-FnEventInvokeConfig {"FunctionName":"shop-Fn","Qualifier":"live","MaximumRetryAttempts":0}
            AWS::Lambda::Permission FnAnyPermission shop-FnAnyPermission {"Action":"lambda:InvokeFunction","Principal":"apigateway.amazonaws.com","FunctionName":"{{stepwell:FnAliaslive.Ref}}","SourceArn":"arn:aws:execute-api:eu-central-1:123456789012:{{stepwell:ServerlessHttpApi.Ref}}/*/*"}
            AWS::ApiGatewayV2::Api ServerlessHttpApi shop-ServerlessHttpApi {"Body":{"openapi":"3.0.1","info":{"version":"1.0","title":"shop"},"paths":{"/$default":{"x-amazon-apigateway-any-method":{"x-amazon-apigateway-integration":{"type":"aws_proxy","httpMethod":"POST","uri":"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{{stepwell:FnAliaslive.Ref}}/invocations","payloadFormatVersion":"2.0"},"responses":{},"isDefaultRoute":true}}}}}
            AWS::ApiGatewayV2::Stage ServerlessHttpApiApiGatewayDefaultStage $default {"ApiId":"{{stepwell:ServerlessHttpApi.Ref}}","StageName":"$default","AutoDeploy":true}
            output Alias = {{stepwell:FnAliaslive.Ref}}
            output Url = {{stepwell:FnUrl.FunctionUrl}}
            output Version = {{stepwell:FnVersion.Ref}}
        "#]],
    );
}

#[test]
fn methods_and_routes_of_single_resources_are_one_document() {
    check(
        "
Resources:
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: shop}}
  Items: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: items}}
  Item: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !Ref Items, PathPart: '{id}'}}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Item
      HttpMethod: GET
      AuthorizationType: AWS_IAM
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{\"statusCode\": 200}'}
        IntegrationResponses: [{StatusCode: '200', ResponseTemplates: {application/json: ok}}, {StatusCode: '400', SelectionPattern: 'bad.*'}]
      MethodResponses: [{StatusCode: '200', ResponseParameters: {method.response.header.x-a: true}}]
  Deployed: {Type: AWS::ApiGateway::Deployment, DependsOn: Get, Properties: {RestApiId: !Ref Api, Description: by hand}}
  Http: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: h, ProtocolType: HTTP, CorsConfiguration: {AllowOrigins: ['*']}}}
  Call: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref Http, IntegrationType: AWS_PROXY, IntegrationUri: arn, PayloadFormatVersion: '2.0'}}
  Route: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Http, RouteKey: 'POST /go', Target: !Sub 'integrations/${Call}'}}
  Default: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Http, RouteKey: $default, Target: !Join ['/', [integrations, !Ref Call]]}}
",
        expect![[r#"
            AWS::ApiGateway::RestApi Api shop-Api {"Name":"shop","Body":{"openapi":"3.0.1","info":{"version":"1.0","title":"shop"},"paths":{"/items/{id}":{"get":{"x-amazon-apigateway-integration":{"type":"mock","requestTemplates":{"application/json":"{\"statusCode\": 200}"},"responses":{"default":{"statusCode":"200","responseTemplates":{"application/json":"ok"}},"bad.*":{"statusCode":"400"}}},"responses":{"200":{"description":"200","headers":{"x-a":{"schema":{"type":"string"}}}}}}}}}}
            AWS::ApiGateway::Deployment Deployed shop-Deployed {"RestApiId":"{{stepwell:Api.Ref}}","Description":"RestApi deployment id: d3723d9a1d72e7c9"}
            AWS::ApiGatewayV2::Api Http shop-Http {"Name":"h","Body":{"openapi":"3.0.1","info":{"version":"1.0","title":"h"},"paths":{"/go":{"post":{"x-amazon-apigateway-integration":{"type":"aws_proxy","uri":"arn","payloadFormatVersion":"2.0","httpMethod":"POST"},"responses":{"default":{"description":""}}}},"/$default":{"x-amazon-apigateway-any-method":{"x-amazon-apigateway-integration":{"type":"aws_proxy","uri":"arn","payloadFormatVersion":"2.0","httpMethod":"POST"},"responses":{"default":{"description":""}},"isDefaultRoute":true}}},"x-amazon-apigateway-cors":{"allowOrigins":["*"]}}}
            warning template.yaml:5:3: resource Get, property AuthorizationType: AuthorizationType is not supported and has no effect
        "#]],
    );
}

#[test]
fn a_method_without_a_path_and_a_route_without_an_integration_are_refused() {
    check(
        "
Resources:
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: shop}}
  Lost: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Api, ResourceId: !Ref Api, HttpMethod: ANY}}
  Http: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: h, ProtocolType: WEBSOCKET}}
  Route: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Http, RouteKey: 'POST /go', Target: integrations/x}}
",
        expect![[r#"
            error template.yaml:3:3: resource Lost: the method's ResourceId leads to no path of this template
            error template.yaml:4:3: resource Http, property ProtocolType: a WEBSOCKET API is not supported, only HTTP
            error template.yaml:5:3: resource Route, property Target: the route's Target names no integration of this template
        "#]],
    );
}

#[test]
fn a_token_is_filled_and_what_is_unknown_stays() {
    let value = |id: &str, attribute: &str| (id == "A").then(|| format!("<{attribute}>"));
    let fill = |text: &str| stepwell_template::fill(text, &value);
    assert_eq!(
        fill("x {{stepwell:A.Ref}} y{{stepwell:A.Arn}}"),
        "x <Ref> y<Arn>"
    );
    assert_eq!(
        fill("{{stepwell:B.Ref}} {{stepwell:A.Ref}}"),
        "{{stepwell:B.Ref}} <Ref>"
    );
    assert_eq!(fill("{{stepwell:{{stepwell:A.Ref}}"), "{{stepwell:<Ref>");
    assert_eq!(
        fill("{{resolve:x}} {{stepwell:"),
        "{{resolve:x}} {{stepwell:"
    );
    assert!(stepwell_template::is_open("{{stepwell:A.Ref}}"));
}
