import { expect, test } from "vitest";
import { laidOut, readExactly, writeExactly } from "./json";

test("a text is laid out as JavaScript does it", () => {
  const value = { a: [1, -2.5, true, null, "x, {y}: [z]"], empty: {}, none: [], in: { quote: 'say "hi"', line: "one\ntwo\\", letters: "é ☂ 𝄞" }, "": 0 };
  for (const one of [value, [], {}, [[], [{}]], "text", 12, null]) expect(laidOut(JSON.stringify(one))).toBe(JSON.stringify(one, null, 2));
  expect(laidOut(JSON.stringify(value, null, 4))).toBe(JSON.stringify(value, null, 2));
});

test("numbers keep their digits, members their places", () => {
  expect(laidOut('{"id":9007199254740993,"price":10.00,"tiny":1e-400}')).toBe('{\n  "id": 9007199254740993,\n  "price": 10.00,\n  "tiny": 1e-400\n}');
  expect(laidOut('{"b":1,"10":2,"2":3,"b":4}')).toBe('{\n  "b": 1,\n  "10": 2,\n  "2": 3,\n  "b": 4\n}');
});

test("letters that are written by their numbers are shown", () => {
  expect(laidOut('["\\u00e9\\/\\u0007"]')).toBe('[\n  "é/\\u0007"\n]');
});

test("what is no JSON stays as it is", () => {
  for (const text of ["", "{a: 1}", '{"a": 1', "[1, 2,]", "plain text", '"']) expect(laidOut(text)).toBe(text);
});

test("a long text is laid out in the time of a frame or two", () => {
  const text = JSON.stringify({ long: "x\\n".repeat(200_000), items: Array.from({ length: 20_000 }, (_, index) => ({ index, name: `item ${index}` })) });
  expect(laidOut(text)).toBe(JSON.stringify(JSON.parse(text), null, 2));
});

test("a value that was read exactly is written with the digits that it had", () => {
  const text = '{"id":9007199254740993,"share":0.12345678901234567,"text":"9007199254740993","small":12}';
  expect(writeExactly(readExactly(text))).toBe(text);
  expect(writeExactly((readExactly(text) as { id: unknown }).id)).toBe("9007199254740993");
});
