/** State machines that journeys and fixtures run. */

/** Greets, waits, decides, works on items: ends well. */
export const flow = {
  Comment: "Looks at an order and at each of its items.",
  StartAt: "Read order",
  States: {
    "Read order": { Type: "Pass", Parameters: { "items.$": "$.items", "seconds.$": "$.seconds" }, Next: "Short wait" },
    "Short wait": { Type: "Wait", SecondsPath: "$.seconds", Next: "Has items?" },
    "Has items?": {
      Type: "Choice",
      Choices: [{ Variable: "$.items[0]", IsPresent: true, Next: "Each item" }],
      Default: "Nothing to do",
    },
    "Each item": {
      Type: "Map",
      ItemsPath: "$.items",
      ItemProcessor: {
        StartAt: "Price",
        States: {
          Price: { Type: "Pass", Parameters: { "price.$": "States.MathAdd($, 10)" }, Next: "Tax" },
          Tax: { Type: "Pass", End: true },
        },
      },
      ResultPath: "$.prices",
      Next: "Notify",
    },
    Notify: {
      Type: "Parallel",
      Branches: [
        { StartAt: "Mail", States: { Mail: { Type: "Pass", Result: "mailed", End: true } } },
        { StartAt: "Shop", States: { Shop: { Type: "Wait", Seconds: 0, Next: "Told" }, Told: { Type: "Pass", Result: "told", End: true } } },
      ],
      ResultPath: "$.told",
      Next: "Done",
    },
    "Nothing to do": { Type: "Pass", Result: [], Next: "Done" },
    Done: { Type: "Succeed" },
  },
} as const;

/** Charges a card that the function declines until it was tried so often; then ships. */
export const charge = (functionArn: string) => ({
  StartAt: "Charge",
  States: {
    Charge: {
      Type: "Task",
      Resource: functionArn,
      Retry: [{ ErrorEquals: ["CardDeclined"], IntervalSeconds: 1, MaxAttempts: 2, BackoffRate: 1 }],
      Catch: [{ ErrorEquals: ["OutOfStock"], ResultPath: "$.error", Next: "Apologise" }],
      ResultPath: "$.charge",
      Next: "Ship",
    },
    Apologise: { Type: "Pass", End: true },
    Ship: { Type: "Succeed" },
  },
});

/** Fails by what its input says, with an error of its own and a stack trace. */
export const CHARGE_SOURCE = `
class CardDeclined extends Error { name = "CardDeclined"; }
class OutOfStock extends Error { name = "OutOfStock"; }
function checkCard(event) {
  if (event.declined) throw new CardDeclined("the card of " + event.customer + " was declined");
  if (event.missing) throw new OutOfStock("no more of it");
}
export const handler = async (event) => {
  console.log("charging", event.customer);
  checkCard(event);
  return { charged: event.amount ?? 0 };
};
`;

/** Fails in one branch while the other one waits. */
export const failingBranch = {
  StartAt: "Both",
  States: {
    Both: {
      Type: "Parallel",
      Branches: [
        { StartAt: "Slow", States: { Slow: { Type: "Wait", Seconds: 60, End: true } } },
        { StartAt: "Check", States: { Check: { Type: "Pass", Next: "Refuse" }, Refuse: { Type: "Fail", Error: "Refused", Cause: "not allowed" } } },
      ],
      Next: "End",
    },
    End: { Type: "Succeed" },
  },
} as const;

/** A Map whose items fail where they are negative, inside a Parallel, caught outside. */
export const nested = {
  StartAt: "Outer",
  States: {
    Outer: {
      Type: "Parallel",
      Branches: [
        {
          StartAt: "Items",
          States: {
            Items: {
              Type: "Map",
              ItemsPath: "$.items",
              MaxConcurrency: 2,
              ItemProcessor: {
                StartAt: "Sign",
                States: {
                  Sign: { Type: "Choice", Choices: [{ Variable: "$", NumericLessThan: 0, Next: "Negative" }], Default: "Fine" },
                  Negative: { Type: "Fail", Error: "Negative", Cause: "below zero" },
                  Fine: { Type: "Pass", End: true },
                },
              },
              End: true,
            },
          },
        },
      ],
      Catch: [{ ErrorEquals: ["States.ALL"], ResultPath: "$.error", Next: "Caught" }],
      End: true,
    },
    Caught: { Type: "Pass", End: true },
  },
} as const;

/** A Parallel that is retried once as a whole, then fails. */
export const retriedParallel = {
  StartAt: "Try both",
  States: {
    "Try both": {
      Type: "Parallel",
      Branches: [
        { StartAt: "A", States: { A: { Type: "Pass", End: true } } },
        { StartAt: "B", States: { B: { Type: "Fail", Error: "Flaky", Cause: "once more" } } },
      ],
      Retry: [{ ErrorEquals: ["Flaky"], IntervalSeconds: 1, MaxAttempts: 1 }],
      End: true,
    },
  },
} as const;

/** A history that is as long as one may be, or as long as wanted: a loop that counts. */
export const loop = {
  StartAt: "Count",
  States: {
    Count: { Type: "Pass", Parameters: { "left.$": "States.MathAdd($.left, -1)" }, Next: "More?" },
    "More?": { Type: "Choice", Choices: [{ Variable: "$.left", NumericGreaterThan: 0, Next: "Count" }], Default: "Done" },
    Done: { Type: "Succeed" },
  },
} as const;

/** A distributed Map over items of the input. */
export const distributed = {
  StartAt: "Spread",
  States: {
    Spread: {
      Type: "Map",
      ItemsPath: "$.items",
      Label: "spread",
      ItemProcessor: {
        ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
        StartAt: "Work",
        States: { Work: { Type: "Pass", End: true } },
      },
      End: true,
    },
  },
} as const;

/** Starts a child and waits for its end. */
export const parent = (childArn: string) => ({
  StartAt: "Child",
  States: {
    Child: {
      Type: "Task",
      Resource: "arn:aws:states:::states:startExecution.sync:2",
      Parameters: { StateMachineArn: childArn, "Input.$": "$" },
      End: true,
    },
  },
});

/** Asks a person, by a task token that goes to a function; ends as they say. */
export const approval = (functionArn: string) => ({
  StartAt: "Request approval",
  States: {
    "Request approval": {
      Type: "Task",
      Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
      Parameters: { FunctionName: functionArn, Payload: { "order.$": "$", "taskToken.$": "$$.Task.Token" } },
      ResultPath: "$.decision",
      TimeoutSeconds: 600,
      Next: "Approved?",
    },
    "Approved?": {
      Type: "Choice",
      Choices: [{ Variable: "$.decision.approved", BooleanEquals: true, Next: "Ship" }],
      Default: "Refuse",
    },
    Ship: { Type: "Pass", Result: "shipped", ResultPath: "$.shipment", Next: "Done" },
    Refuse: { Type: "Fail", Error: "NotApproved", Cause: "nobody approved it" },
    Done: { Type: "Succeed" },
  },
});

/** Takes the request and does nothing with it. */
export const REQUEST_SOURCE = `export const handler = async (event) => { console.log("asked for", event.order.id); };`;

/** Assigns variables, inside and outside of a Map, and uses them. */
export const assigning = {
  QueryLanguage: "JSONata",
  StartAt: "Count",
  States: {
    Count: { Type: "Pass", Assign: { total: "{% $sum($states.input.prices) %}", currency: "EUR" }, Next: "Each price" },
    "Each price": {
      Type: "Map",
      Items: "{% $states.input.prices %}",
      ItemProcessor: {
        StartAt: "Share",
        States: {
          Share: { Type: "Pass", Assign: { share: "{% $states.input / $total %}" }, Next: "Tell" },
          Tell: { Type: "Pass", Output: "{% {'share': $share, 'currency': $currency} %}", End: true },
        },
      },
      Assign: { total: 0 },
      End: true,
    },
  },
} as const;

/** A distributed Map over numbers, of which each 1 fails. */
export const someFail = {
  StartAt: "Orders",
  States: {
    Orders: {
      Type: "Map",
      Label: "orders",
      ToleratedFailurePercentage: 100,
      ItemProcessor: {
        ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
        StartAt: "Is it paid?",
        States: {
          "Is it paid?": { Type: "Choice", Choices: [{ Variable: "$", NumericEquals: 1, Next: "Unpaid" }], Default: "Ship" },
          Unpaid: { Type: "Fail", Error: "Unpaid", Cause: "no money came" },
          Ship: { Type: "Succeed" },
        },
      },
      // All results together would be more than a state may have.
      ResultPath: null,
      End: true,
    },
  },
} as const;
