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

/** Its role, which is of the server's account. */
export const newRole = (account: string): string => `arn:aws:iam::${account}:role/stepwell`;
