/** A small application, served by `stepwell dev` on a port and a directory of its own. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "./command";

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
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs20.x
      Handler: index.handler
      InlineCode: "exports.handler = async () => ({ statusCode: 200, body: 'welcome' });"
      Events:
        Visit: {Type: HttpApi, Properties: {Path: /, Method: GET}}
`;

export class Shop {
  url = "";
  private readonly above = mkdtempSync(join(tmpdir(), "stepwell-start-"));
  private readonly command = new Command();

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
    const ready = (line: string): string | undefined => (line.includes('"ready"') ? (JSON.parse(line) as { endpoint: string }).endpoint : undefined);
    this.url = await this.command.begin(["--json", "dev", join(this.above, "shop"), "--port", "0"], ready);
  }

  async stop(): Promise<void> {
    await this.command.end("SIGINT");
    rmSync(this.above, { recursive: true, force: true });
  }
}
