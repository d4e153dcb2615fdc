// The application whose `cdk.out` is beside it, made with aws-cdk-lib 2.276.0:
//   npm install --no-save aws-cdk-lib@2.276.0 constructs@10 && node app.js
const path = require("node:path");
const { App, CfnOutput, Duration, Stack } = require("aws-cdk-lib");
const apigateway = require("aws-cdk-lib/aws-apigateway");
const events = require("aws-cdk-lib/aws-events");
const targets = require("aws-cdk-lib/aws-events-targets");
const lambda = require("aws-cdk-lib/aws-lambda");
const sfn = require("aws-cdk-lib/aws-stepfunctions");
const tasks = require("aws-cdk-lib/aws-stepfunctions-tasks");

const here = (name) => path.join(__dirname, name);
const app = new App({ outdir: path.join(__dirname, "..", "cdk.out"), analyticsReporting: false });
const stack = new Stack(app, "Checkout");

const rates = new lambda.LayerVersion(stack, "Rates", { code: lambda.Code.fromAsset(here("layer")) });
const price = new lambda.Function(stack, "Price", {
  runtime: lambda.Runtime.NODEJS_22_X,
  handler: "price.handler",
  code: lambda.Code.fromAsset(here("lambda")),
  layers: [rates],
  timeout: Duration.seconds(20),
});
const checkout = new sfn.StateMachine(stack, "Checkout", {
  definitionBody: sfn.DefinitionBody.fromChainable(
    new tasks.LambdaInvoke(stack, "Ask for the price", { lambdaFunction: price.currentVersion, outputPath: "$.Payload" }).next(
      new sfn.Choice(stack, "Is it dear?")
        .when(sfn.Condition.numberGreaterThan("$.total", 100), new sfn.Pass(stack, "Dear", { result: sfn.Result.fromString("dear") }))
        .otherwise(new sfn.Pass(stack, "Cheap", { result: sfn.Result.fromString("cheap") })),
    ),
  ),
});
const file = new sfn.StateMachine(stack, "FromFile", {
  definitionBody: sfn.DefinitionBody.fromFile(here("statemachine/note.asl.json")),
});
new events.Rule(stack, "Daily", {
  schedule: events.Schedule.rate(Duration.days(1)),
  targets: [new targets.SfnStateMachine(checkout)],
});
const api = new apigateway.RestApi(stack, "Shop", { cloudWatchRole: false });
api.root.addResource("prices").addResource("{item}").addMethod("GET", new apigateway.LambdaIntegration(price));

new CfnOutput(stack, "MachineArn", { value: checkout.stateMachineArn });
new CfnOutput(stack, "FileArn", { value: file.stateMachineArn });
new CfnOutput(stack, "PriceName", { value: price.functionName });
new CfnOutput(stack, "RestApiId", { value: api.restApiId });
app.synth();
