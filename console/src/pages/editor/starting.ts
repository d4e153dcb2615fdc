/** What a state machine that is new begins with. */
export const NEW_DEFINITION = JSON.stringify(
  {
    Comment: "A state machine that is new",
    StartAt: "First",
    States: { First: { Type: "Pass", End: true } },
  },
  null,
  2,
);

export const NEW_ROLE = "arn:aws:iam::123456789012:role/stepwell";
