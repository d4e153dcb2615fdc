//! Documents of the tests.

pub const REST: &str = r##"
swagger: "2.0"
info: {title: orders, version: "1.0"}
x-amazon-apigateway-binary-media-types: [image/png]
x-amazon-apigateway-gateway-responses:
  DEFAULT_4XX:
    responseParameters: {gatewayresponse.header.Access-Control-Allow-Origin: "'*'"}
paths:
  /orders/{id}:
    x-amazon-apigateway-any-method:
      x-amazon-apigateway-integration:
        type: aws_proxy
        httpMethod: POST
        uri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:orders:${stageVariables.alias}/invocations
  /files/{proxy+}:
    x-amazon-apigateway-any-method:
      x-amazon-apigateway-integration: {type: aws_proxy, uri: "arn:aws:lambda:us-east-1:123456789012:function:files"}
  /files/static:
    delete:
      x-amazon-apigateway-integration: {type: aws_proxy, uri: "arn:aws:lambda:us-east-1:123456789012:function:files"}
  /start:
    post:
      x-amazon-apigateway-integration:
        type: aws
        httpMethod: POST
        credentials: arn:aws:iam::123456789012:role/api
        uri: arn:aws:apigateway:us-east-1:states:action/StartExecution
        passthroughBehavior: never
        requestTemplates:
          application/json: |-
            {"input": "$util.escapeJavaScript($input.json('$')).replaceAll("\\'","'")", "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:m"}
        responses:
          "4\\d{2}": {statusCode: 422}
          default:
            statusCode: "202"
            responseParameters:
              method.response.header.X-Request: context.requestId
              method.response.header.X-Arn: integration.response.body.executionArn
            responseTemplates: {application/json: "{\"id\": $input.json('$.executionArn')}"}
    options:
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: "{\"statusCode\" : 200}\n"}
        responses:
          default:
            statusCode: "200"
            responseParameters:
              method.response.header.Access-Control-Allow-Methods: "'POST,OPTIONS'"
              method.response.header.Access-Control-Allow-Origin: "'*'"
            responseTemplates: {application/json: "{}"}
  /sync:
    post:
      x-amazon-apigateway-integration:
        type: aws
        httpMethod: POST
        uri: arn:aws:apigateway:us-east-1:states:action/StartSyncExecution
        requestTemplates: {application/json: "{\"input\": \"$util.escapeJavaScript($input.body)\"}"}
        responses:
          default:
            statusCode: 200
            responseTemplates:
              application/json: |
                #if($input.path('$.status').toString().equals("FAILED"))
                #set($context.responseOverride.status = 500)
                {"error": "$input.path('$.error')", "cause": "$input.path('$.cause')"}
                #else
                $input.path('$.output')
                #end
  /classic:
    get:
      x-amazon-apigateway-integration:
        type: aws
        httpMethod: POST
        uri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:classic/invocations
        requestTemplates: {application/json: "{\"name\": \"$input.params('name')\"}"}
        responses:
          "NotFound.*":
            statusCode: 404
            responseTemplates: {application/json: "{\"error\": $input.json('$.errorMessage')}"}
          default: {statusCode: 200}
"##;

pub const HTTP: &str = r##"
openapi: 3.0.1
info: {title: orders}
x-amazon-apigateway-cors:
  allowOrigins: [https://app.example, "http://*"]
  allowMethods: [GET, POST]
  allowHeaders: [content-type]
  exposeHeaders: [x-a]
  maxAge: 300
  allowCredentials: true
paths:
  /$default:
    x-amazon-apigateway-any-method:
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/orders"}
  /orders/{id}:
    post:
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/orders"}
  /{proxy+}:
    x-amazon-apigateway-any-method:
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/orders"}
    put: {x-amazon-apigateway-integration: {type: aws_proxy, payloadFormatVersion: "2.0", uri: "arn:aws:lambda:us-east-1:123456789012:function:put"}}
  /old/{x}:
    get:
      x-amazon-apigateway-integration: {type: aws_proxy, payloadFormatVersion: "1.0", uri: "arn:aws:lambda:us-east-1:123456789012:function:old"}
  /start:
    post:
      x-amazon-apigateway-integration:
        type: AWS_PROXY
        integrationSubtype: StepFunctions-StartExecution
        payloadFormatVersion: "1.0"
        credentials: arn:aws:iam::123456789012:role/api
        requestParameters:
          StateMachineArn: arn:aws:states:us-east-1:123456789012:stateMachine:m
          Name: $request.header.X-Name
          Input: $request.body
  /sync:
    post:
      x-amazon-apigateway-integration:
        type: AWS_PROXY
        integrationSubtype: StepFunctions-StartSyncExecution
        payloadFormatVersion: "1.0"
        requestParameters:
          StateMachineArn: arn:aws:states:us-east-1:123456789012:stateMachine:m
          Input: '{"o":${request.body.o},"t":"${request.body.t}","who":"${request.querystring.who}","key":"${context.routeKey}"}'
  /stop:
    post:
      x-amazon-apigateway-integration:
        type: AWS_PROXY
        integrationSubtype: StepFunctions-StopExecution
        payloadFormatVersion: "1.0"
        requestParameters: {ExecutionArn: $request.body.arn, Cause: asked for}
components:
  x-amazon-apigateway-integrations:
    orders: {type: aws_proxy, httpMethod: POST, payloadFormatVersion: "2.0", uri: "arn:aws:lambda:us-east-1:123456789012:function:orders"}
"##;

pub const URL_CORS: &str = r#"{"allowOrigins": ["*"], "allowMethods": ["GET"], "maxAge": 60}"#;
