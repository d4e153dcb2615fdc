/** States as they are when they are new: what the palette of the editor offers. Pure. */

import type { QueryLanguage } from "./language";
import type { Obj } from "./pointerEdits";

export type Language = QueryLanguage;

export interface PaletteItem {
  readonly id: string;
  readonly group: "Flow" | "Actions";
  readonly title: string;
  /** What it is for, or the resource that it calls. */
  readonly hint: string;
  /** The name that its states begin with. */
  readonly base: string;
  readonly type: string;
  /** Its fields, without where it leads; inner states are named by `free`. */
  readonly make: (language: Language, free: (base: string) => string) => Obj;
}

const RESOURCE = "arn:aws:states:::";

/** What a call is sent; the field has another name in each language. */
const sent = (language: Language, jsonPath: Obj, jsonata: Obj): Obj =>
  language === "JSONata" ? { Arguments: jsonata } : { Parameters: jsonPath };

const INPUT = "{% $states.input %}";

/** Given to an input of a Task that somebody else completes. */
const TOKEN = { jsonPath: { "input.$": "$", "token.$": "$$.Task.Token" }, jsonata: { input: INPUT, token: "{% $states.context.Task.Token %}" } };

const flow = (type: string, hint: string, make: PaletteItem["make"]): PaletteItem => ({ id: type, group: "Flow", title: type, hint, base: type, type, make });

const action = (id: string, title: string, base: string, jsonPath: Obj, jsonata: Obj): PaletteItem => ({
  id,
  group: "Actions",
  title,
  hint: id,
  base,
  type: "Task",
  make: (language) => ({ Type: "Task", Resource: `${RESOURCE}${id}`, ...sent(language, jsonPath, jsonata) }),
});

/** A body with one state in it that does nothing. */
const body = (free: (base: string) => string): Obj => {
  const name = free("Pass");
  return { StartAt: name, States: { [name]: { Type: "Pass", End: true } } };
};

export const PALETTE: readonly PaletteItem[] = [
  flow("Choice", "Decides where to go", (language) => ({
    Type: "Choice",
    Choices: [language === "JSONata" ? { Condition: "{% $exists($states.input.value) %}" } : { Variable: "$.value", IsPresent: true }],
  })),
  flow("Parallel", "Runs branches at one time", (_, free) => ({ Type: "Parallel", Branches: [body(free), body(free)] })),
  flow("Map", "Runs for each item", (language, free) => ({
    Type: "Map",
    ...(language === "JSONata" ? { Items: INPUT } : { ItemsPath: "$" }),
    ItemProcessor: { ProcessorConfig: { Mode: "INLINE" }, ...body(free) },
  })),
  flow("Pass", "Passes or shapes its input", () => ({ Type: "Pass" })),
  flow("Wait", "Waits for a time", () => ({ Type: "Wait", Seconds: 5 })),
  flow("Succeed", "Ends well", () => ({ Type: "Succeed" })),
  flow("Fail", "Ends with an error", () => ({ Type: "Fail", Error: "Failed", Cause: "Say why" })),
  action("lambda:invoke", "Lambda: invoke", "Invoke function", { FunctionName: "", "Payload.$": "$" }, { FunctionName: "", Payload: INPUT }),
  action(
    "lambda:invoke.waitForTaskToken",
    "Lambda: wait for a token",
    "Wait for token",
    { FunctionName: "", Payload: TOKEN.jsonPath },
    { FunctionName: "", Payload: TOKEN.jsonata },
  ),
  action(
    "states:startExecution.sync:2",
    "Step Functions: run and wait",
    "Run execution",
    { StateMachineArn: "", "Input.$": "$" },
    { StateMachineArn: "", Input: INPUT },
  ),
  action("states:startExecution", "Step Functions: start", "Start execution", { StateMachineArn: "", "Input.$": "$" }, { StateMachineArn: "", Input: INPUT }),
  action(
    "events:putEvents",
    "EventBridge: put events",
    "Put events",
    { Entries: [{ EventBusName: "default", Source: "my.application", DetailType: "Something happened", "Detail.$": "$" }] },
    { Entries: [{ EventBusName: "default", Source: "my.application", DetailType: "Something happened", Detail: INPUT }] },
  ),
  action(
    "http:invoke",
    "HTTP: call an API",
    "Call API",
    { Method: "GET", ApiEndpoint: "https://", Authentication: { ConnectionArn: "" } },
    { Method: "GET", ApiEndpoint: "https://", Authentication: { ConnectionArn: "" } },
  ),
  action("sqs:sendMessage", "SQS: send a message", "Send message", { QueueUrl: "", "MessageBody.$": "$" }, { QueueUrl: "", MessageBody: INPUT }),
  action("sns:publish", "SNS: publish", "Publish", { TopicArn: "", "Message.$": "$" }, { TopicArn: "", Message: INPUT }),
  action("dynamodb:putItem", "DynamoDB: put an item", "Put item", { TableName: "", Item: {} }, { TableName: "", Item: {} }),
  action("aws-sdk:s3:getObject", "AWS SDK: any action", "Call AWS", { Bucket: "", Key: "" }, { Bucket: "", Key: "" }),
];

export const paletteItem = (id: string): PaletteItem | undefined => PALETTE.find((item) => item.id === id);
