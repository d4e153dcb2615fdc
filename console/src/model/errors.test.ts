import { expect, test } from "vitest";
import { errorOf } from "./errors";

test("AWS JSON has the code in its body", () => {
  const text = '{"__type":"com.amazonaws.states#InvalidArn","message":"Invalid Arn: \'x\'"}';
  expect(errorOf(text, null)).toMatchObject({ code: "InvalidArn", message: "Invalid Arn: 'x'" });
  expect(errorOf('{"__type":"InvalidArn","Message":"so"}', null)).toMatchObject({ code: "InvalidArn", message: "so" });
});

test("REST has it in a header; its body says whose fault it is", () => {
  const text = '{"Type":"User","Message":"Function not found: x"}';
  const found = errorOf(text, "ResourceNotFoundException:http://internal.amazon.com/coral/");
  expect(found).toEqual({ code: "ResourceNotFoundException", message: "Function not found: x", body: { Type: "User", Message: "Function not found: x" } });
});

test("query has it in XML", () => {
  const text = '<ErrorResponse xmlns=""><Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code><Message>no &lt;signature&gt; &amp; no token</Message></Error></ErrorResponse>';
  expect(errorOf(text, null)).toEqual({ code: "MissingAuthenticationToken", message: "no <signature> & no token", body: {} });
});

test("what is none of these says nothing", () => {
  for (const text of ["", "Bad Gateway", "null", "[1]", "<html>", '{"__type":3}']) expect(errorOf(text, null)).toMatchObject({ code: null, message: null });
});
