/** The start page of a server that serves an application: `stepwell dev`, as a developer begins. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { expectAccessible, launch, open, settled } from "./browser";
import type { Opened } from "./browser";
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

let browser: Browser;
let child: ChildProcess;
let url = "";
let opened: Opened | null = null;
const directory = mkdtempSync(join(tmpdir(), "stepwell-start-"));
const application = join(directory, "shop");

beforeAll(async () => {
  mkdirSync(join(application, "events"), { recursive: true });
  writeFileSync(join(application, "template.yaml"), TEMPLATE);
  writeFileSync(join(application, "events/paid.json"), '{"orderId": "1", "paid": true}');
  writeFileSync(join(application, "events/unpaid.json"), '{"orderId": "2", "paid": false}');
  writeFileSync(join(application, "events/broken.json"), "{");
  browser = await launch();
  child = spawn(binary(), ["--json", "dev", application, "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  url = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      for (const line of said.split("\n").slice(0, -1)) {
        if (!line.includes('"ready"')) continue;
        resolve((JSON.parse(line) as { endpoint: string }).endpoint);
      }
    });
    child.on("exit", (code) => reject(new Error(`stepwell dev ended with ${code}: ${said}`)));
  });
});

afterEach(async () => {
  const faults = opened?.faults ?? [];
  await opened?.close();
  opened = null;
  expect(faults).toEqual([]);
});

afterAll(async () => {
  await browser?.close();
  if (child && child.exitCode === null) {
    const gone = new Promise((resolve) => child.on("exit", resolve));
    child.removeAllListeners("exit");
    child.on("exit", () => undefined);
    child.kill("SIGINT");
    await Promise.race([gone, new Promise((resolve) => child.on("exit", resolve))]);
  }
  rmSync(directory, { recursive: true, force: true });
});

test("first start: one click on a sample, and the order is seen to its end", async () => {
  opened = await open(browser, url, "/");
  const { page } = opened;
  await page.getByRole("heading", { name: "shop", exact: true }).waitFor();
  await page.getByText("every save is deployed").waitFor();
  // The machine whose definition reads what the sample has comes first.
  expect(await page.getByLabel("What paid goes to").inputValue()).toMatch(/:Orders$/);
  expect(await page.getByRole("button", { name: "Start broken" }).isDisabled()).toBe(true);
  await page.getByText(/it is no JSON/).waitFor();
  await settled(page);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Start unpaid" }).click();
  await page.getByRole("status", { name: "Status" }).getByText("Failed").waitFor();
  await page.getByText("Order.Unpaid").first().waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Start paid", exact: true }).click();
  await page.getByRole("status", { name: "Status" }).getByText("Succeeded").waitFor();
  await page.goBack();
  // What ran is there when one comes back.
  await page.getByRole("heading", { name: "Latest executions" }).waitFor();
  await page.getByRole("link", { name: /^paid-/ }).waitFor();
  await page.getByRole("link", { name: "Incidents" }).click();
  await page.getByRole("heading", { name: "Incidents" }).waitFor();
});

test("a save shows on the start page", async () => {
  opened = await open(browser, url, "/start");
  const { page } = opened;
  await page.getByRole("button", { name: "Start paid", exact: true }).waitFor();
  writeFileSync(join(application, "events/later.json"), '{"detail": {"alarmName": "a"}}');
  await page.getByRole("button", { name: "Start later" }).waitFor();
  expect(await page.getByLabel("What later goes to").inputValue()).toMatch(/:Incidents$/);
  await page.getByRole("button", { name: "later", exact: true }).click();
  await page.getByText("alarmName").waitFor();
});
