/** A state machine to begin with: it needs no function, waits a little, retries nothing, and has every look. */
export const SAMPLE_NAME = "HelloStepwell";

export const SAMPLE_INPUT = JSON.stringify({ name: "world", seconds: 2, items: [1, 2, 3] }, null, 2);

export const SAMPLE_DEFINITION = JSON.stringify(
  {
    Comment: "Greets, waits, and works on items. Made by the console.",
    StartAt: "Greet",
    States: {
      Greet: {
        Type: "Pass",
        Parameters: {
          "greeting.$": "States.Format('Hello, {}!', $.name)",
          "seconds.$": "$.seconds",
          "items.$": "$.items",
        },
        Next: "Wait",
      },
      Wait: { Type: "Wait", SecondsPath: "$.seconds", Next: "Are there items?" },
      "Are there items?": {
        Type: "Choice",
        Choices: [{ Variable: "$.items[0]", IsPresent: true, Next: "Each item" }],
        Default: "Nothing to do",
      },
      "Each item": {
        Type: "Map",
        ItemsPath: "$.items",
        ItemProcessor: {
          StartAt: "Double",
          States: {
            Double: { Type: "Pass", Parameters: { "doubled.$": "States.MathAdd($, $)" }, End: true },
          },
        },
        Next: "Done",
      },
      "Nothing to do": { Type: "Pass", Result: [], Next: "Done" },
      Done: { Type: "Succeed" },
    },
  },
  null,
  2,
);
