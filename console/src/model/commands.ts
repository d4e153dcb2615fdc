/** The same in the terminal: what the page shows or does, as a line for a shell. */

/** A word as a POSIX shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

const aws = (endpoint: string, words: readonly string[]): string =>
  ["aws", "--endpoint-url", endpoint, "stepfunctions", ...words].map(quoted).join(" ");

/** The AWS CLI starts an execution. */
export function startLine(endpoint: string, machineArn: string, input: string): string {
  return aws(endpoint, ["start-execution", "--state-machine-arn", machineArn, "--input", input]);
}

export function describeLine(endpoint: string, executionArn: string): string {
  return aws(endpoint, ["describe-execution", "--execution-arn", executionArn]);
}

/** The SDK for JavaScript starts an execution. */
export function sdkText(endpoint: string, machineArn: string, input: string): string {
  return [
    `import { SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";`,
    ``,
    `const client = new SFNClient({ endpoint: ${JSON.stringify(endpoint)} });`,
    `await client.send(new StartExecutionCommand({`,
    `  stateMachineArn: ${JSON.stringify(machineArn)},`,
    `  input: ${JSON.stringify(input)},`,
    `}));`,
  ].join("\n");
}
