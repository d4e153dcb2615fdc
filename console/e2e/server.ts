/** A real server with its console, on a port and a directory of its own. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Lambda, States } from "../src/api/generated";
import type { HistoryEvent } from "../src/model/history";
import { Command } from "./command";

export const ROLE = "arn:aws:iam::123456789012:role/console";
/** Nothing in a journey takes as long: who waits longer hangs. */
export const PATIENCE_MS = 60_000;

/** An access key of a user, as a line of `--access-keys` has it. */
export interface AccessKey {
  readonly user: string;
  readonly id: string;
  readonly secret: string;
}

export interface ServerOptions {
  /** The text of a `stepwell.toml`. */
  readonly settings?: string;
  /** Keys that requests must be signed with. */
  readonly accessKeys?: readonly AccessKey[];
  /** What else follows `stepwell serve`. */
  readonly args?: readonly string[];
}

export class Server {
  private readonly command = new Command();
  url = "";
  readonly data = mkdtempSync(join(tmpdir(), "stepwell-console-"));

  private readonly args: readonly string[];
  /** The cookie that calls of this class carry; see [`signIn`]. */
  private cookie: string | null = null;

  constructor({ settings, accessKeys, args = [] }: ServerOptions = {}) {
    const file = (name: string, text: string): string => {
      const path = join(this.data, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    };
    const keys = (accessKeys ?? []).map(({ user, id, secret }) => `[${user}]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`);
    this.args = [
      ...(settings === undefined ? [] : ["--config", file("stepwell.toml", settings)]),
      ...(accessKeys === undefined ? [] : ["--access-keys", file("access-keys", keys.join("\n"))]),
      ...args,
    ];
  }

  begin(): Promise<void> {
    return this.run("127.0.0.1:0");
  }

  private async run(listen: string): Promise<void> {
    const args = ["serve", "--listen", listen, "--data", join(this.data, "data"), ...this.args];
    this.url = await this.command.begin(args, (line) => /listening on (http:\/\/\S+?:\d+)/.exec(line)?.[1]);
  }

  /** Ends the process as a crash would, and starts it again on the same port. */
  async restart(): Promise<void> {
    const { host } = new URL(this.url);
    await this.command.end("SIGKILL");
    await this.run(host);
  }

  async stop(): Promise<void> {
    await this.command.end("SIGKILL");
    rmSync(this.data, { recursive: true, force: true });
  }

  /** Calls of this class are a user's from now on. */
  async signIn({ id, secret }: AccessKey): Promise<void> {
    const response = await fetch(`${this.url}/console/session`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ accessKeyId: id, secretAccessKey: secret }),
    });
    this.cookie = response.headers.get("set-cookie")?.split(";")[0] ?? null;
    if (!response.ok || this.cookie === null) throw new Error(`the session is refused: ${await response.text()}`);
  }

  async states<O extends keyof States.Operations>(operation: O, input: States.Operations[O]["input"]): Promise<States.Operations[O]["output"]> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `AWSStepFunctions.${operation}`,
        ...(this.cookie === null ? {} : { cookie: this.cookie }),
      },
      body: JSON.stringify(input),
    });
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`${operation}: ${JSON.stringify(body)}`);
    return body as States.Operations[O]["output"];
  }

  async createMachine(name: string, definition: object): Promise<string> {
    const { stateMachineArn } = await this.states("CreateStateMachine", { name, definition: JSON.stringify(definition), roleArn: ROLE });
    return stateMachineArn;
  }

  async start(stateMachineArn: string, input: unknown = {}, name?: string): Promise<string> {
    const { executionArn } = await this.states("StartExecution", {
      stateMachineArn,
      input: JSON.stringify(input),
      ...(name === undefined ? {} : { name }),
    });
    return executionArn;
  }

  /** The execution once it has ended. */
  async ended(executionArn: string): Promise<States.DescribeExecutionOutput> {
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) {
      const described = await this.states("DescribeExecution", { executionArn });
      if (described.status !== "RUNNING") return described;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    throw new Error(`${executionArn} still runs`);
  }

  /** Waits for an event of this type. */
  async reached(executionArn: string, type: string): Promise<void> {
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; ) {
      if ((await this.history(executionArn)).some((event) => event.type === type)) return;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    throw new Error(`${executionArn} has no ${type}`);
  }

  async history(executionArn: string): Promise<HistoryEvent[]> {
    const events: HistoryEvent[] = [];
    let nextToken: string | undefined;
    do {
      const page = await this.states("GetExecutionHistory", {
        executionArn,
        maxResults: 1_000,
        includeExecutionData: true,
        ...(nextToken ? { nextToken } : {}),
      });
      events.push(...page.events);
      nextToken = page.nextToken;
    } while (nextToken);
    return events;
  }

  /** A Node.js function of one file; gives its ARN. */
  async createFunction(name: string, source: string): Promise<string> {
    const response = await fetch(`${this.url}/2015-03-31/functions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        FunctionName: name,
        Runtime: "nodejs20.x",
        Role: ROLE,
        Handler: "index.handler",
        Timeout: 20,
        Code: { ZipFile: zip("index.mjs", source).toString("base64") },
      } satisfies Lambda.CreateFunctionRequest),
    });
    const body = (await response.json()) as Lambda.FunctionConfiguration;
    if (!response.ok || body.FunctionArn === undefined) throw new Error(`CreateFunction: ${JSON.stringify(body)}`);
    return body.FunctionArn;
  }
}

/** A zip with one file, which is not compressed. */
function zip(name: string, text: string): Buffer {
  const [path, bytes] = [Buffer.from(name), Buffer.from(text)];
  const crc = crc32(bytes);
  const fields = (head: Buffer, at: number): void => {
    head.writeUInt16LE(20, at);
    head.writeUInt32LE(0x21_0000, at + 6);
    head.writeUInt32LE(crc, at + 10);
    head.writeUInt32LE(bytes.length, at + 14);
    head.writeUInt32LE(bytes.length, at + 18);
    head.writeUInt16LE(path.length, at + 22);
  };
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x0403_4b50, 0);
  fields(local, 4);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x0201_4b50, 0);
  central.writeUInt16LE(0x0314, 4);
  fields(central, 6);
  central.writeUInt32LE((0o100_644 << 16) >>> 0, 38);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length + path.length, 12);
  end.writeUInt32LE(local.length + path.length + bytes.length, 16);
  return Buffer.concat([local, path, bytes, central, path, end]);
}
