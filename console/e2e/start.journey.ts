/** The start page of a server that serves an application: `stepwell dev`, as a developer begins. */

import { expect, test } from "vitest";
import { expectAccessible, settled } from "./browser";
import { journeys } from "./journey";
import { Shop } from "./shop";

const shop = new Shop();
const visit = journeys(shop);

test("first start: one click on a sample, and the order is seen to its end", async () => {
  const page = await visit("/");
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
  // Where its API is called.
  const address = (await page.getByRole("link", { name: /^\/execute-api\// }).getAttribute("href")) ?? "";
  expect(await (await fetch(`${shop.url}${address}`)).text()).toBe("welcome");
  await page.getByRole("link", { name: "Incidents" }).click();
  await page.getByRole("heading", { name: "Incidents" }).waitFor();
});

test("a save shows on the start page, on a phone too", async () => {
  const page = await visit("/start", { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
  await page.getByRole("button", { name: "Start paid", exact: true }).waitFor();
  shop.put("events/later.json", '{"detail": {"alarmName": "a"}}');
  await page.getByRole("button", { name: "Start later" }).waitFor();
  expect(await page.getByLabel("What later goes to").inputValue()).toMatch(/:Incidents$/);
  await page.getByRole("button", { name: "later", exact: true }).click();
  await page.getByText("alarmName").waitFor();
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
  await expectAccessible(page);
});
