/**
 * The Amazon States Language as one table: which fields may stand where, and what each is for.
 *
 * Completion, hover and forms read it. Whether a definition is right is for the server to say; this only offers.
 * Sources: states-language.net/spec.html, and the rules that the server checks.
 */

export type QueryLanguage = "JSONPath" | "JSONata";
type StateType = "Task" | "Choice" | "Parallel" | "Map" | "Wait" | "Pass" | "Succeed" | "Fail";

/** The types of states, the most usual first. */
export const STATE_TYPES: readonly { readonly name: StateType; readonly doc: string }[] = [
  { name: "Task", doc: "Does one piece of work: runs a function, calls a service, waits for an activity." },
  { name: "Choice", doc: "Goes on to one of several states, by what its rules say of the input." },
  { name: "Parallel", doc: "Runs branches at the same time; its result is a list with the output of each." },
  { name: "Map", doc: "Runs the same states for each item of a list." },
  { name: "Wait", doc: "Lets time pass, or waits until an instant." },
  { name: "Pass", doc: "Hands its input on, perhaps changed. Does no work." },
  { name: "Succeed", doc: "Ends well." },
  { name: "Fail", doc: "Ends with an error." },
];

/** What a field takes. */
export type Kind =
  | "text"
  | "number"
  | "flag"
  /** One of `values`. */
  | "one-of"
  | "timestamp"
  /** The name of a state of the same body. */
  | "state"
  /** A JSONPath, or a reference path. */
  | "path"
  /** Any JSON; with expressions in it. */
  | "template"
  | "resource"
  /** An object, or a list of objects, of shape `shape`. */
  | "object"
  | "list"
  /** A list of error names. */
  | "errors"
  /** Names of states, each with its state. */
  | "states";

/** Kinds of objects; `state` has the fields of its type. */
export type Shape =
  | "machine"
  | "body"
  | "processor"
  | "processor-config"
  | "states"
  | "state"
  | "rule"
  | "condition"
  | "retrier"
  | "catcher"
  | "reader"
  | "reader-config"
  | "batcher"
  | "writer"
  | "writer-config"
  | "credentials"
  | "template";

export interface Field {
  readonly name: string;
  readonly kind: Kind;
  /** The query language that it belongs to; `null` for both. */
  readonly language: QueryLanguage | null;
  readonly doc: string;
  readonly isRequired?: boolean;
  readonly values?: readonly string[];
  readonly shape?: Shape;
  /** Out of use: understood, but not offered. */
  readonly isOld?: boolean;
}

type More = Partial<Pick<Field, "isRequired" | "values" | "shape" | "isOld">>;

const both = (name: string, kind: Kind, doc: string, more: More = {}): Field => ({ name, kind, language: null, doc, ...more });
const path = (name: string, kind: Kind, doc: string, more: More = {}): Field => ({ name, kind, language: "JSONPath", doc, ...more });
const jsonata = (name: string, kind: Kind, doc: string, more: More = {}): Field => ({ name, kind, language: "JSONata", doc, ...more });

const COMMENT = both("Comment", "text", "A remark for people.");
const LANGUAGE = both("QueryLanguage", "one-of", "How data is looked at: by JSONPath, or by JSONata expressions in {% %}. A state has that of the state machine unless it says another one.", { values: ["JSONPath", "JSONata"] });
const BODY: readonly Field[] = [
  both("StartAt", "state", "The state to begin with.", { isRequired: true }),
  both("States", "states", "The states, by name. A name is there once in the whole definition.", { isRequired: true, shape: "states" }),
];
const TRANSITION: readonly Field[] = [
  both("Next", "state", "The state that comes after this one."),
  both("End", "flag", "true where nothing comes after this state."),
];
const WHOLE_PATHS: readonly Field[] = [
  path("InputPath", "path", "The part of the input that the state works with; null for an empty object."),
  path("OutputPath", "path", "The part of its data that the state hands on; null for an empty object."),
];
const OUTPUT = jsonata("Output", "template", "What the state hands on. Without it, its result, or its input where it has none.");
const ASSIGN = both("Assign", "template", "Variables that later states can read as $name.");
const ARGUMENTS = jsonata("Arguments", "template", "What the state is given to work with.");
const RESULT: readonly Field[] = [
  path("Parameters", "template", "What the state is given. A name that ends with .$ takes its value from a path or an intrinsic function."),
  path("ResultSelector", "template", "Picks from the raw result what is kept of it."),
  path("ResultPath", "path", "Where the result is put into the input; null drops the result, $ puts it in the place of the input."),
];
const FAILURE: readonly Field[] = [
  both("Retry", "list", "What to do again after an error: the first entry that names the error counts.", { shape: "retrier" }),
  both("Catch", "list", "Where to go on after an error that is not tried again.", { shape: "catcher" }),
];
const COMMON: readonly Field[] = [
  both("Type", "one-of", "What kind of state this is.", { isRequired: true, values: STATE_TYPES.map(({ name }) => name) }),
  COMMENT,
  LANGUAGE,
];

const OWN: Readonly<Record<StateType, readonly Field[]>> = {
  Task: [
    both("Resource", "resource", "What does the work: the ARN of a function or an activity, or an action of a service.", { isRequired: true }),
    ARGUMENTS,
    ...RESULT,
    both("TimeoutSeconds", "number", "Seconds after which the task fails with States.Timeout."),
    path("TimeoutSecondsPath", "path", "A path to the number of seconds."),
    both("HeartbeatSeconds", "number", "Seconds without a sign of life after which the task fails with States.HeartbeatTimeout."),
    path("HeartbeatSecondsPath", "path", "A path to the number of seconds."),
    both("Credentials", "object", "The role to do the work as.", { shape: "credentials" }),
    ...WHOLE_PATHS,
    OUTPUT,
    ASSIGN,
    ...FAILURE,
    ...TRANSITION,
  ],
  Parallel: [
    both("Branches", "list", "What runs at the same time; each one has states of its own.", { isRequired: true, shape: "body" }),
    ARGUMENTS,
    ...RESULT,
    ...WHOLE_PATHS,
    OUTPUT,
    ASSIGN,
    ...FAILURE,
    ...TRANSITION,
  ],
  Map: [
    both("ItemProcessor", "object", "The states that run for each item.", { isRequired: true, shape: "processor" }),
    both("Iterator", "object", "The former name of ItemProcessor.", { shape: "processor", isOld: true }),
    path("ItemsPath", "path", "Where in the input the list of items is."),
    jsonata("Items", "template", "The list of items."),
    both("ItemSelector", "template", "What each iteration gets as its input, instead of the item."),
    both("MaxConcurrency", "number", "How many items run at the same time; 0 leaves it open."),
    path("MaxConcurrencyPath", "path", "A path to that number."),
    both("ItemReader", "object", "Where a distributed Map reads its items from.", { shape: "reader" }),
    both("ItemBatcher", "object", "How many items a child execution of a distributed Map gets.", { shape: "batcher" }),
    both("ResultWriter", "object", "Where a distributed Map writes its results to.", { shape: "writer" }),
    both("ToleratedFailureCount", "number", "How many items may fail before the whole Map does."),
    path("ToleratedFailureCountPath", "path", "A path to that number."),
    both("ToleratedFailurePercentage", "number", "How many of a hundred items may fail before the whole Map does."),
    path("ToleratedFailurePercentagePath", "path", "A path to that number."),
    both("Label", "text", "A name for the map run in its ARN, of at most 40 characters."),
    path("Parameters", "template", "The former name of ItemSelector.", { isOld: true }),
    path("ResultSelector", "template", "Picks from the raw result what is kept of it."),
    path("ResultPath", "path", "Where the result is put into the input; null drops the result."),
    ...WHOLE_PATHS,
    OUTPUT,
    ASSIGN,
    ...FAILURE,
    ...TRANSITION,
  ],
  Wait: [
    both("Seconds", "number", "How many seconds to wait."),
    path("SecondsPath", "path", "A path to the number of seconds."),
    both("Timestamp", "timestamp", "The instant to wait for: 2030-01-31T12:00:00Z."),
    path("TimestampPath", "path", "A path to the instant."),
    ...WHOLE_PATHS,
    OUTPUT,
    ASSIGN,
    ...TRANSITION,
  ],
  Pass: [
    path("Result", "template", "What the state gives as its result, as it is written."),
    path("Parameters", "template", "A new input. A name that ends with .$ takes its value from a path or an intrinsic function."),
    path("ResultPath", "path", "Where the result is put into the input; null drops the result."),
    ...WHOLE_PATHS,
    OUTPUT,
    ASSIGN,
    ...TRANSITION,
  ],
  Choice: [
    both("Choices", "list", "The rules. The first one that holds says where to go on.", { isRequired: true, shape: "rule" }),
    both("Default", "state", "The state to go on with where no rule holds."),
    ...WHOLE_PATHS,
    OUTPUT,
    ASSIGN,
  ],
  Succeed: [...WHOLE_PATHS, OUTPUT],
  Fail: [
    both("Error", "text", "The name of the error."),
    path("ErrorPath", "path", "A path, or an intrinsic function, that gives the name."),
    both("Cause", "text", "What happened, for people."),
    path("CausePath", "path", "A path, or an intrinsic function, that gives the text."),
  ],
};

const FAMILIES = [
  ["String", "template", "a text"],
  ["Numeric", "number", "a number"],
  ["Timestamp", "timestamp", "an instant"],
] as const;
const RELATIONS = [
  ["Equals", "is equal to"],
  ["LessThan", "is less than"],
  ["GreaterThan", "is greater than"],
  ["LessThanEquals", "is at most"],
  ["GreaterThanEquals", "is at least"],
] as const;

/** What a rule of JSONPath compares. */
const COMPARISONS: readonly Field[] = [
  ...FAMILIES.flatMap(([family, kind, what]) =>
    RELATIONS.flatMap(([relation, words]) => [
      path(`${family}${relation}`, kind === "template" ? "text" : kind, `Holds if the variable is ${what} that ${words} this one.`),
      path(`${family}${relation}Path`, "path", `Holds if the variable is ${what} that ${words} the one at this path.`),
    ]),
  ),
  path("StringMatches", "text", "Holds if the text is like this pattern; * stands for any letters."),
  path("BooleanEquals", "flag", "Holds if the variable is this."),
  path("BooleanEqualsPath", "path", "Holds if the variable is what is at this path."),
  path("IsPresent", "flag", "Whether there is something at the path of the variable."),
  path("IsNull", "flag", "Whether the variable is null."),
  path("IsString", "flag", "Whether the variable is a text."),
  path("IsNumeric", "flag", "Whether the variable is a number."),
  path("IsBoolean", "flag", "Whether the variable is true or false."),
  path("IsTimestamp", "flag", "Whether the variable is an instant."),
];

const CONDITION: readonly Field[] = [
  path("Variable", "path", "What the rule looks at."),
  ...COMPARISONS,
  path("And", "list", "Holds if all of these hold.", { shape: "condition" }),
  path("Or", "list", "Holds if one of these holds.", { shape: "condition" }),
  path("Not", "object", "Holds if this does not.", { shape: "condition" }),
];

const RESOURCE_OF_S3 = (action: string): More => ({ isRequired: true, values: [`arn:aws:states:::s3:${action}`] });

const SHAPES: Readonly<Record<Exclude<Shape, "states" | "state" | "template">, readonly Field[]>> = {
  machine: [
    COMMENT,
    LANGUAGE,
    ...BODY,
    both("TimeoutSeconds", "number", "Seconds after which the whole execution fails with States.Timeout."),
    both("Version", "one-of", "The version of the language.", { values: ["1.0"] }),
  ],
  body: [COMMENT, ...BODY],
  processor: [both("ProcessorConfig", "object", "Whether items run inside the execution or as executions of their own.", { shape: "processor-config" }), COMMENT, ...BODY],
  "processor-config": [
    both("Mode", "one-of", "INLINE runs items inside the execution, DISTRIBUTED as child executions.", { values: ["INLINE", "DISTRIBUTED"] }),
    both("ExecutionType", "one-of", "What kind of executions the children are.", { values: ["STANDARD", "EXPRESS"] }),
  ],
  rule: [
    jsonata("Condition", "template", "An expression that gives true or false.", { isRequired: true }),
    ...CONDITION,
    both("Next", "state", "The state to go on with if the rule holds.", { isRequired: true }),
    OUTPUT,
    ASSIGN,
    COMMENT,
  ],
  condition: [...CONDITION, COMMENT],
  retrier: [
    both("ErrorEquals", "errors", "The errors that it is for.", { isRequired: true }),
    both("IntervalSeconds", "number", "Seconds before the second attempt; 1 without it."),
    both("MaxAttempts", "number", "How often to try again; 3 without it, 0 for never."),
    both("BackoffRate", "number", "By how much each wait is longer than the one before; 2 without it."),
    both("MaxDelaySeconds", "number", "The longest wait."),
    both("JitterStrategy", "one-of", "FULL waits for a random part of the time, so that not all try at once.", { values: ["FULL", "NONE"] }),
    COMMENT,
  ],
  catcher: [
    both("ErrorEquals", "errors", "The errors that it is for.", { isRequired: true }),
    both("Next", "state", "The state to go on with.", { isRequired: true }),
    path("ResultPath", "path", "Where error and cause are put into the input; without it they take its place."),
    OUTPUT,
    ASSIGN,
    COMMENT,
  ],
  reader: [
    both("Resource", "one-of", "The action that reads: an object, or the list of objects.", { isRequired: true, values: ["arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"] }),
    path("Parameters", "template", "Bucket and key."),
    jsonata("Arguments", "template", "Bucket and key."),
    both("ReaderConfig", "object", "How what is read is to be understood.", { shape: "reader-config" }),
  ],
  "reader-config": [
    both("InputType", "one-of", "The format of what is read.", { values: ["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"] }),
    both("CSVHeaderLocation", "one-of", "Where the names of columns are.", { values: ["FIRST_ROW", "GIVEN"] }),
    both("CSVHeaders", "template", "The names of columns, where they are given."),
    both("CSVDelimiter", "one-of", "What is between columns.", { values: ["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"] }),
    both("ItemsPointer", "text", "A JSON pointer to the list in what is read."),
    both("MaxItems", "number", "How many items to read at most."),
    path("MaxItemsPath", "path", "A path to that number."),
    both("ExpectedBucketOwner", "text", "The account that the bucket must belong to."),
    both("ManifestType", "one-of", "What kind of list a manifest is.", { values: ["ATHENA_DATA", "S3_INVENTORY"] }),
    both("Transformation", "one-of", "Whether listed objects are read too.", { values: ["NONE", "LOAD_AND_FLATTEN"] }),
  ],
  batcher: [
    both("MaxItemsPerBatch", "number", "How many items a child gets at most."),
    path("MaxItemsPerBatchPath", "path", "A path to that number."),
    both("MaxInputBytesPerBatch", "number", "How many bytes of items a child gets at most."),
    path("MaxInputBytesPerBatchPath", "path", "A path to that number."),
    both("BatchInput", "template", "What each batch gets besides its items."),
  ],
  writer: [
    both("Resource", "one-of", "The action that writes.", RESOURCE_OF_S3("putObject")),
    path("Parameters", "template", "Bucket and prefix."),
    jsonata("Arguments", "template", "Bucket and prefix."),
    both("WriterConfig", "object", "How results are written.", { shape: "writer-config" }),
  ],
  "writer-config": [
    both("Transformation", "one-of", "NONE keeps what is known of each child, COMPACT its output, FLATTEN joins lists of outputs.", { values: ["NONE", "COMPACT", "FLATTEN"] }),
    both("OutputType", "one-of", "The format.", { values: ["JSON", "JSONL"] }),
  ],
  credentials: [both("RoleArn", "text", "The ARN of the role.", { isRequired: true })],
};

const isOf = (language: QueryLanguage) => (field: Field): boolean => field.language === null || field.language === language;

/** The fields that a state of this type may have in this language, the telling ones first. An unknown type has those of every state. */
export function fieldsOf(type: string, language: QueryLanguage): readonly Field[] {
  const own = Object.hasOwn(OWN, type) ? OWN[type as StateType] : [];
  return [...COMMON, ...own].filter(isOf(language));
}

/** The fields of an object that is no state. */
export function fieldsOfShape(shape: Shape, language: QueryLanguage): readonly Field[] {
  if (shape === "states" || shape === "state" || shape === "template") return [];
  return SHAPES[shape].filter(isOf(language));
}

/** Names of errors, and what each stands for. */
export const ERROR_NAMES: readonly (readonly [name: string, doc: string])[] = [
  ["States.ALL", "Every error but those that nothing can catch. Stands alone, in the last entry."],
  ["States.TaskFailed", "Every failure of a task but its time running out."],
  ["States.Timeout", "A task or the execution took too long."],
  ["States.HeartbeatTimeout", "A task gave no sign of life in time."],
  ["States.Permissions", "The role may not do this."],
  ["States.DataLimitExceeded", "Data grew over 256 KiB. States.ALL does not catch it."],
  ["States.Runtime", "A path or a field did not fit the data. Nothing catches it."],
  ["States.QueryEvaluationError", "A JSONata expression could not be evaluated."],
  ["States.ResultPathMatchFailure", "The result could not be put where ResultPath says."],
  ["States.ParameterPathFailure", "A path of Parameters leads nowhere."],
  ["States.IntrinsicFailure", "An intrinsic function refused its arguments."],
  ["States.BranchFailed", "A branch of a Parallel failed."],
  ["States.NoChoiceMatched", "No rule of a Choice held, and it has no Default."],
  ["States.ItemReaderFailed", "A Map could not read its items."],
  ["States.ResultWriterFailed", "A Map could not write its results."],
  ["States.ExceedToleratedFailureThreshold", "More items of a Map failed than may."],
  ["States.Http.Socket", "An HTTP endpoint did not answer."],
  ["Lambda.ServiceException", "Lambda itself failed for a moment."],
  ["Lambda.AWSLambdaException", "Lambda itself failed for a moment."],
  ["Lambda.SdkClientException", "Lambda could not be reached."],
  ["Lambda.TooManyRequestsException", "The function runs as often as it may."],
];

/** Intrinsic functions, with how they are called. */
export const INTRINSICS: readonly (readonly [name: string, call: string, doc: string])[] = [
  ["States.Format", "States.Format('${text} {}', ${$.path})", "Puts values in the place of {} of a text."],
  ["States.Array", "States.Array(${$.a}, ${$.b})", "A list of its arguments."],
  ["States.ArrayPartition", "States.ArrayPartition(${$.list}, 2)", "Cuts a list into lists of at most this length."],
  ["States.ArrayContains", "States.ArrayContains(${$.list}, ${$.value})", "Whether a list has a value."],
  ["States.ArrayRange", "States.ArrayRange(1, ${$.count}, 1)", "Numbers from one to another, by steps."],
  ["States.ArrayGetItem", "States.ArrayGetItem(${$.list}, 0)", "The item with this index."],
  ["States.ArrayLength", "States.ArrayLength(${$.list})", "How many items a list has."],
  ["States.ArrayUnique", "States.ArrayUnique(${$.list})", "The list without what is there twice."],
  ["States.Base64Encode", "States.Base64Encode(${$.text})", "A text in Base64."],
  ["States.Base64Decode", "States.Base64Decode(${$.text})", "A text out of Base64."],
  ["States.Hash", "States.Hash(${$.text}, '${SHA-256}')", "The hash of a text: MD5, SHA-1, SHA-256, SHA-384, SHA-512."],
  ["States.JsonMerge", "States.JsonMerge(${$.a}, ${$.b}, false)", "Two objects as one; of a name in both the second counts."],
  ["States.JsonToString", "States.JsonToString(${$.value})", "A value as JSON text."],
  ["States.StringToJson", "States.StringToJson(${$.text})", "The value of a JSON text."],
  ["States.StringSplit", "States.StringSplit(${$.text}, '${,}')", "The parts of a text between letters."],
  ["States.MathAdd", "States.MathAdd(${$.a}, 1)", "The sum of two whole numbers."],
  ["States.MathRandom", "States.MathRandom(1, ${$.max})", "A random whole number from one to another."],
  ["States.UUID", "States.UUID()", "A random UUID."],
];

/** Members of the context object, as they follow `$$.` and `$states.context.`. */
export const CONTEXT: readonly (readonly [path: string, doc: string])[] = [
  ["Execution.Id", "The ARN of the execution."],
  ["Execution.Input", "The input that the execution was started with."],
  ["Execution.Name", "The name of the execution."],
  ["Execution.RoleArn", "The role that the execution has."],
  ["Execution.StartTime", "When the execution began."],
  ["Execution.RedriveCount", "How often the execution was redriven."],
  ["Execution.RedriveTime", "When the execution was redriven last."],
  ["State.Name", "The name of this state."],
  ["State.EnteredTime", "When this state was entered."],
  ["State.RetryCount", "How often this state was tried again."],
  ["StateMachine.Id", "The ARN of the state machine."],
  ["StateMachine.Name", "The name of the state machine."],
  ["Task.Token", "The token that ends a task which waits for one."],
  ["Map.Item.Index", "The index of the item of a Map."],
  ["Map.Item.Value", "The item of a Map."],
];

/** Members of `$states` in JSONata. */
export const STATES_MEMBERS: readonly (readonly [name: string, doc: string])[] = [
  ["input", "The input of the state."],
  ["result", "What a Task, a Parallel or a Map gave; in Output and Assign."],
  ["errorOutput", "Error and cause, in a Catch."],
  ["context", "The context object: execution, state, state machine, task."],
];

/** Functions of JSONata, those of Step Functions among them. */
export const JSONATA_FUNCTIONS: readonly (readonly [name: string, call: string, doc: string])[] = [
  ["abs", "(number)", "The number without its sign."],
  ["append", "(list, list)", "Two lists as one."],
  ["average", "(numbers)", "The mean."],
  ["base64decode", "(text)", "A text out of Base64."],
  ["base64encode", "(text)", "A text in Base64."],
  ["boolean", "(value)", "Whether a value counts as true."],
  ["ceil", "(number)", "The next whole number up."],
  ["contains", "(text, pattern)", "Whether a text has another one, or matches."],
  ["count", "(list)", "How many items there are."],
  ["decodeUrl", "(text)", "A text out of a URL."],
  ["decodeUrlComponent", "(text)", "A text out of a part of a URL."],
  ["distinct", "(list)", "The list without what is there twice."],
  ["each", "(object, function)", "What the function gives for each member."],
  ["encodeUrl", "(text)", "A text for a URL."],
  ["encodeUrlComponent", "(text)", "A text for a part of a URL."],
  ["error", "(text)", "Fails with this text."],
  ["exists", "(value)", "Whether there is a value."],
  ["filter", "(list, function)", "The items for which the function gives true."],
  ["floor", "(number)", "The next whole number down."],
  ["formatBase", "(number, base)", "A number to another base."],
  ["formatInteger", "(number, picture)", "A whole number as its picture says."],
  ["formatNumber", "(number, picture)", "A number as its picture says."],
  ["fromMillis", "(milliseconds)", "An instant as a text."],
  ["hash", "(value, algorithm)", "The hash of a value: MD5, SHA-1, SHA-256, SHA-384, SHA-512."],
  ["join", "(texts, separator)", "Texts as one."],
  ["keys", "(object)", "The names of the members."],
  ["length", "(text)", "How many characters there are."],
  ["lookup", "(object, name)", "The member with this name."],
  ["lowercase", "(text)", "In small letters."],
  ["map", "(list, function)", "What the function gives for each item."],
  ["match", "(text, pattern)", "What matches."],
  ["max", "(numbers)", "The largest."],
  ["merge", "(objects)", "Objects as one."],
  ["millis", "()", "Now, in milliseconds."],
  ["min", "(numbers)", "The smallest."],
  ["not", "(value)", "The opposite."],
  ["now", "()", "Now, as a text."],
  ["number", "(text)", "The number that a text says."],
  ["pad", "(text, width)", "A text of this width."],
  ["parse", "(text)", "The value of a JSON text."],
  ["parseInteger", "(text, picture)", "The whole number that a text says."],
  ["partition", "(list, size)", "Cuts a list into lists of this size."],
  ["power", "(number, exponent)", "A power."],
  ["random", "()", "A random number from 0 to 1; with an argument always the same."],
  ["range", "(first, last, step)", "Numbers from one to another, by steps."],
  ["reduce", "(list, function, first)", "One value of all items."],
  ["replace", "(text, pattern, by)", "Puts another text in the place of what matches."],
  ["reverse", "(list)", "From the last to the first."],
  ["round", "(number, digits)", "The nearest number."],
  ["shuffle", "(list)", "In random order."],
  ["sift", "(object, function)", "The members for which the function gives true."],
  ["single", "(list, function)", "The one item for which the function gives true."],
  ["sort", "(list, function)", "In order."],
  ["split", "(text, separator)", "The parts of a text."],
  ["spread", "(object)", "A list with an object for each member."],
  ["sqrt", "(number)", "The square root."],
  ["string", "(value)", "A value as text."],
  ["substring", "(text, from, length)", "A part of a text."],
  ["substringAfter", "(text, letters)", "What is after them."],
  ["substringBefore", "(text, letters)", "What is before them."],
  ["sum", "(numbers)", "All of them together."],
  ["toMillis", "(text)", "The milliseconds of an instant."],
  ["trim", "(text)", "Without blanks around it."],
  ["type", "(value)", "The name of the value's type."],
  ["uppercase", "(text)", "In capital letters."],
  ["uuid", "()", "A random UUID."],
  ["zip", "(list, list)", "The first items together, the second ones, and so on."],
];

interface Integration {
  /** `lambda:invoke`. */
  readonly action: string;
  /** Ways of calling besides going on with the answer. */
  readonly patterns: readonly (".sync" | ".sync:2" | ".waitForTaskToken")[];
}

const action = (name: string, ...patterns: Integration["patterns"]): Integration => ({ action: name, patterns });

/** Actions that have an integration of their own, the most usual first. Others are `aws-sdk:SERVICE:ACTION`. */
const INTEGRATIONS: readonly Integration[] = [
  action("lambda:invoke", ".waitForTaskToken"),
  action("states:startExecution", ".sync:2", ".sync", ".waitForTaskToken"),
  action("sqs:sendMessage", ".waitForTaskToken"),
  action("sns:publish", ".waitForTaskToken"),
  action("dynamodb:getItem"),
  action("dynamodb:putItem"),
  action("dynamodb:updateItem"),
  action("dynamodb:deleteItem"),
  action("events:putEvents", ".waitForTaskToken"),
  action("http:invoke"),
  action("apigateway:invoke", ".waitForTaskToken"),
  action("ecs:runTask", ".sync", ".waitForTaskToken"),
  action("batch:submitJob", ".sync"),
  action("glue:startJobRun", ".sync"),
  action("athena:startQueryExecution", ".sync"),
  action("bedrock:invokeModel", ".sync", ".waitForTaskToken"),
  action("codebuild:startBuild", ".sync"),
  action("sagemaker:createTrainingJob", ".sync"),
];

const WAYS: Readonly<Record<string, string>> = {
  "": "goes on with the answer",
  ".sync": "waits for the end of the work",
  ".sync:2": "waits for the end of the work; its output is JSON",
  ".waitForTaskToken": "waits until somebody sends the token back",
};

/** What a Task may name as its resource, besides functions and activities. */
export function resources(): { readonly resource: string; readonly doc: string }[] {
  return INTEGRATIONS.flatMap(({ action, patterns }) =>
    ["", ...patterns].map((pattern) => ({ resource: `arn:aws:states:::${action}${pattern}`, doc: `Calls ${action.replace(":", " ")} and ${WAYS[pattern] ?? ""}.` })),
  );
}

/** A new state of each type, to be filled in: `${name}` are places for the cursor, tabs are levels. */
export function snippetOf(type: StateType, language: QueryLanguage): string {
  const isPath = language === "JSONPath";
  const lines: Readonly<Record<StateType, readonly string[]>> = {
    Task: [
      `"Resource": "arn:aws:states:::lambda:invoke",`,
      ...(isPath
        ? [`"Parameters": {`, `\t"FunctionName": "\${function}",`, `\t"Payload.$": "$"`, `},`, `"ResultSelector": {`, `\t"result.$": "$.Payload"`, `},`]
        : [`"Arguments": {`, `\t"FunctionName": "\${function}",`, `\t"Payload": "{% $states.input %}"`, `},`, `"Output": "{% $states.result.Payload %}",`]),
      `"Retry": [`,
      `\t{`,
      `\t\t"ErrorEquals": ["Lambda.ServiceException", "Lambda.TooManyRequestsException"],`,
      `\t\t"IntervalSeconds": 1,`,
      `\t\t"MaxAttempts": 3,`,
      `\t\t"BackoffRate": 2`,
      `\t}`,
      `],`,
      `"Next": "\${next}"`,
    ],
    Choice: [
      `"Choices": [`,
      `\t{`,
      ...(isPath ? [`\t\t"Variable": "\${$.path}",`, `\t\t"StringEquals": "\${value}",`] : [`\t\t"Condition": "{% \${$states.input.path = 'value'} %}",`]),
      `\t\t"Next": "\${next}"`,
      `\t}`,
      `],`,
      `"Default": "\${default}"`,
    ],
    Parallel: [
      `"Branches": [`,
      `\t{`,
      `\t\t"StartAt": "\${first}",`,
      `\t\t"States": {`,
      `\t\t\t"\${first}": {`,
      `\t\t\t\t"Type": "Pass",`,
      `\t\t\t\t"End": true`,
      `\t\t\t}`,
      `\t\t}`,
      `\t}`,
      `],`,
      `"Next": "\${next}"`,
    ],
    Map: [
      isPath ? `"ItemsPath": "\${$.items}",` : `"Items": "{% \${$states.input.items} %}",`,
      `"ItemProcessor": {`,
      `\t"ProcessorConfig": {`,
      `\t\t"Mode": "INLINE"`,
      `\t},`,
      `\t"StartAt": "\${each}",`,
      `\t"States": {`,
      `\t\t"\${each}": {`,
      `\t\t\t"Type": "Pass",`,
      `\t\t\t"End": true`,
      `\t\t}`,
      `\t}`,
      `},`,
      `"Next": "\${next}"`,
    ],
    Wait: [`"Seconds": \${1:60},`, `"Next": "\${next}"`],
    Pass: [isPath ? `"Parameters": {\${}},` : `"Output": {\${}},`, `"Next": "\${next}"`],
    Succeed: [],
    Fail: [`"Error": "\${error}",`, `"Cause": "\${cause}"`],
  };
  const own = lines[type];
  return [`"\${${type}}": {`, `\t"Type": "${type}"${own.length > 0 ? "," : ""}`, ...own.map((line) => `\t${line}`), `}`].join("\n");
}
