/** A small application, served by `stepwell dev` on a port and a directory of its own. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "./server";

const TEMPLATE = `AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: Orders
      Definition:
        StartAt: IsPaid
        States:
          IsPaid:
            Type: Choice
            Choices: [{Variable: $.paid, BooleanEquals: true, Next: Shipped}]
            Default: Refused
          Shipped: {Type: Succeed}
          Refused: {Type: Fail, Error: Order.Unpaid, Cause: nobody has paid}
  Incidents:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: Incidents
      Definition:
        StartAt: Note
        States:
          Note: {Type: Pass, InputPath: $.detail, End: true}
`;

export class Shop {
  url = "";
  private readonly above = mkdtempSync(join(tmpdir(), "stepwell-start-"));
  private child: ChildProcess | null = null;

  constructor() {
    mkdirSync(join(this.above, "shop/events"), { recursive: true });
    this.put("template.yaml", TEMPLATE);
    this.put("events/paid.json", '{"orderId": "1", "paid": true}');
    this.put("events/unpaid.json", '{"orderId": "2", "paid": false}');
    this.put("events/broken.json", "{");
  }

  /** Saves a file of the application. */
  put(path: string, text: string): void {
    writeFileSync(join(this.above, "shop", path), text);
  }

  async begin(): Promise<void> {
    const child = spawn(binary(), ["--json", "dev", join(this.above, "shop"), "--port", "0"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.child = child;
    this.url = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stdout?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const ready = said.split("\n").slice(0, -1).find((line) => line.includes('"ready"'));
        if (ready !== undefined) resolve((JSON.parse(ready) as { endpoint: string }).endpoint);
      });
      child.on("exit", (code) => reject(new Error(`stepwell dev ended with ${code}: ${said}`)));
    });
  }

  async stop(): Promise<void> {
    const child = this.child;
    if (child !== null && child.exitCode === null) {
      const gone = new Promise((resolve) => child.on("exit", resolve));
      child.kill("SIGINT");
      await gone;
    }
    rmSync(this.above, { recursive: true, force: true });
  }
}
