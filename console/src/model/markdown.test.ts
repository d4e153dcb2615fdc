import { expect, test } from "vitest";
import { readMarkdown } from "./markdown";

test("headings, paragraphs, lists, code, rules", () => {
  const blocks = readMarkdown("# One\ntext\nmore\n\n- a\n- b\n\n1. c\n\n```\n<b>\n```\n---\n## Two ##");
  expect(blocks.map((block) => block.kind)).toEqual(["heading", "paragraph", "list", "list", "code", "rule", "heading"]);
  expect(blocks[1]).toEqual({ kind: "paragraph", of: [{ kind: "text", text: "text more" }] });
  expect(blocks[4]).toEqual({ kind: "code", text: "<b>" });
  expect(blocks[6]).toMatchObject({ level: 2, of: [{ text: "Two" }] });
});

test("a table", () => {
  const [table] = readMarkdown("| a | b |\n|---|:-:|\n| 1 | **2** |\n");
  expect(table).toMatchObject({ kind: "table", head: [[{ text: "a" }], [{ text: "b" }]], rows: [[[{ text: "1" }], [{ kind: "strong" }]]] });
});

test("spans, nested", () => {
  expect(readMarkdown("a **b `c`** *d* [e](https://x.example/f_(g)) snake_case_word")[0]).toEqual({
    kind: "paragraph",
    of: [
      { kind: "text", text: "a " },
      { kind: "strong", of: [{ kind: "text", text: "b " }, { kind: "code", text: "c" }] },
      { kind: "text", text: " " },
      { kind: "emphasis", of: [{ kind: "text", text: "d" }] },
      { kind: "text", text: " " },
      { kind: "link", of: [{ kind: "text", text: "e" }], href: "https://x.example/f_(g)" },
      { kind: "text", text: " snake_case_word" },
    ],
  });
});

test("no address but pages is followed, and HTML is a text", () => {
  const hrefs = ["javascript:alert(1)", "//evil.example", "data:text/html,x", "/console/logs"].map((href) => {
    const [block] = readMarkdown(`[x](${href})`);
    const part = block?.kind === "paragraph" ? block.of[0] : undefined;
    return part?.kind === "link" ? part.href : undefined;
  });
  expect(hrefs).toEqual([null, null, null, "/console/logs"]);
  expect(readMarkdown("<script>x</script>")[0]).toEqual({ kind: "paragraph", of: [{ kind: "text", text: "<script>x</script>" }] });
});

test("what is not closed stays as it is, and nothing hangs", () => {
  expect(readMarkdown("**a [b](c")[0]).toMatchObject({ of: [{ text: "**a [b](c" }] });
  expect(readMarkdown("```\nopen")).toEqual([{ kind: "code", text: "open" }]);
  expect(readMarkdown("*_[`".repeat(2_000))).toHaveLength(1);
});
