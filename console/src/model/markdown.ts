/** The part of Markdown that texts of dashboards use, as a tree to draw; never HTML. */

export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "strong" | "emphasis"; readonly of: readonly Inline[] }
  /** `href` is `null` where it may not be followed. */
  | { readonly kind: "link"; readonly of: readonly Inline[]; readonly href: string | null };

export type Block =
  | { readonly kind: "heading"; readonly level: number; readonly of: readonly Inline[] }
  | { readonly kind: "paragraph"; readonly of: readonly Inline[] }
  | { readonly kind: "list"; readonly isOrdered: boolean; readonly items: readonly (readonly Inline[])[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "table"; readonly head: readonly (readonly Inline[])[]; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: "rule" };

/** What is longer is cut. */
const TEXT_MAX = 100_000;
const DEPTH_MAX = 8;

export function readMarkdown(text: string): Block[] {
  const lines = text.slice(0, TEXT_MAX).replaceAll("\r", "").split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    if (line.trim() === "") at += 1;
    else if (line.startsWith("```")) {
      const end = lines.findIndex((one, index) => index > at && one.startsWith("```"));
      const last = end < 0 ? lines.length : end;
      blocks.push({ kind: "code", text: lines.slice(at + 1, last).join("\n") });
      at = last + 1;
    } else if (heading) {
      blocks.push({ kind: "heading", level: heading[1]?.length ?? 1, of: inline(heading[2] ?? "") });
      at += 1;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      blocks.push({ kind: "rule" });
      at += 1;
    } else if (isItem(line) !== null) {
      const isOrdered = isItem(line) === "ordered";
      const items: (readonly Inline[])[] = [];
      while (at < lines.length && isItem(lines[at] ?? "") === (isOrdered ? "ordered" : "bullet")) {
        items.push(inline((lines[at] ?? "").replace(/^\s*(?:[-*+]|\d+[.)])\s+/, "")));
        at += 1;
      }
      blocks.push({ kind: "list", isOrdered, items });
    } else if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? "")) {
      const rows: (readonly (readonly Inline[])[])[] = [];
      const head = cells(line);
      for (at += 2; at < lines.length && (lines[at] ?? "").includes("|"); at += 1) rows.push(cells(lines[at] ?? ""));
      blocks.push({ kind: "table", head, rows });
    } else {
      const begin = at;
      at += 1;
      while (at < lines.length && !/^\s*$|^#{1,6}\s|^```/.test(lines[at] ?? "") && isItem(lines[at] ?? "") === null) at += 1;
      blocks.push({ kind: "paragraph", of: inline(lines.slice(begin, at).join(" ")) });
    }
  }
  return blocks;
}

function isItem(line: string): "bullet" | "ordered" | null {
  if (/^\s*[-*+]\s+\S/.test(line)) return "bullet";
  return /^\s*\d+[.)]\s+\S/.test(line) ? "ordered" : null;
}

const cells = (line: string): Inline[][] =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => inline(cell.trim()));

const SPAN = /`([^`]+)`|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s][^*]*?)\*|\b_([^_\s][^_]*?)_\b|\[([^\]]*)\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)(?:\s+"[^"]*")?\)/;

function inline(text: string, depth = 0): Inline[] {
  const parts: Inline[] = [];
  let rest = text;
  while (rest !== "" && depth < DEPTH_MAX) {
    const found = SPAN.exec(rest);
    if (found === null) break;
    if (found.index > 0) parts.push({ kind: "text", text: rest.slice(0, found.index) });
    const [whole, code, strong, strongLine, emphasis, emphasisLine, label, href] = found;
    if (code !== undefined) parts.push({ kind: "code", text: code });
    else if (label !== undefined) parts.push({ kind: "link", of: inline(label, depth + 1), href: hrefOf(href ?? "") });
    else if (strong !== undefined || strongLine !== undefined) parts.push({ kind: "strong", of: inline(strong ?? strongLine ?? "", depth + 1) });
    else parts.push({ kind: "emphasis", of: inline(emphasis ?? emphasisLine ?? "", depth + 1) });
    rest = rest.slice(found.index + whole.length);
  }
  if (rest !== "") parts.push({ kind: "text", text: rest });
  return parts;
}

/** Pages of the web and of the console; a script is no address. */
function hrefOf(href: string): string | null {
  return /^https?:\/\//i.test(href) || /^\/(?!\/)/.test(href) ? href : null;
}
