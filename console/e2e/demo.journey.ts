/** What a newcomer does first: `stepwell demo`, with the console open beside it. */

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, test } from "vitest";
import { Command } from "./command";
import { journeys } from "./journey";

const above = mkdtempSync(join(tmpdir(), "stepwell-demo-"));
const directory = join(above, "order-processing");
/** npm may have to ask its registry for the packages of the example. */
const INSTALL_MS = 300_000;

beforeAll(() => {
  const example = join(import.meta.dirname, "../../examples/order-processing");
  cpSync(example, directory, { recursive: true, filter: (path) => !path.includes("node_modules") });
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"], { cwd: directory, stdio: "inherit" });
}, INSTALL_MS);

class Demo {
  url = "";
  private readonly command = new Command();

  async begin(): Promise<void> {
    this.url = await this.command.begin(["demo", "--keep", "--dir", directory], (line) => / at (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1]);
  }

  async stop(): Promise<void> {
    await this.command.end("SIGINT");
    rmSync(above, { recursive: true, force: true });
  }
}

const visit = journeys(new Demo());

test("first start from the demo: its orders, why one failed and in which line, and one more order", async () => {
  const page = await visit("/");
  // The page is there while the application is still being deployed, and its orders come by themselves.
  await page.getByRole("heading", { name: "order-processing", exact: true }).waitFor();
  await page.getByRole("heading", { name: "Latest executions" }).waitFor();
  await page.getByRole("link", { name: /shipment-failure/ }).click();
  await page.getByRole("status", { name: "Status" }).getByText("Failed").waitFor();
  const why = page.getByRole("region", { name: "Why it ended" });
  await why.getByText("CarrierRejectedError").first().waitFor();
  await why.getByText(/\.ts:\d+/).first().waitFor();
  await page.goBack();
  await page.getByRole("button", { name: "Start paid", exact: true }).click();
  await page.waitForURL(/\/console\/executions\/arn:aws:states:/);
  await page.getByRole("status", { name: "Status" }).getByText("Succeeded").waitFor();
  await page.locator(".state.tone-good", { hasText: "CompleteOrder" }).waitFor();
});
