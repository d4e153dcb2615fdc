/** What JSON texts have. */

export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value of JSON is an object. */
export const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/** The members of a value of JSON: none if it is no object. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});

/** Why a text is no JSON; `null` if it is. */
export function notJson(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (reason) {
    return reason instanceof Error ? `Not JSON: ${reason.message}` : "Not JSON";
  }
}

/** Strings, signs, and words: numbers and literals. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * A JSON text with lines and indentation as they are usual; as it is if it is no JSON.
 *
 * Every number keeps its digits and every member its place: what is read and written again by JavaScript has another
 * `9007199254740993`, and its members `"2"` and `"10"` first.
 */
export function laidOut(text: string): string {
  if (notJson(text) !== null) return text;
  const tokens = text.match(TOKENS) ?? [];
  const parts: string[] = [];
  let depth = 0;
  const line = (): string => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, index) => {
    if (token === "{" || token === "[") {
      depth += 1;
      const isEmpty = tokens[index + 1] === "}" || tokens[index + 1] === "]";
      parts.push(token, isEmpty ? "" : line());
    } else if (token === "}" || token === "]") {
      depth -= 1;
      const isEmpty = tokens[index - 1] === "{" || tokens[index - 1] === "[";
      parts.push(isEmpty ? "" : line(), token);
    } else if (token === ",") parts.push(token, line());
    else if (token === ":") parts.push(": ");
    // Letters that are written by their numbers are shown as letters.
    else parts.push(token.includes("\\") ? JSON.stringify(JSON.parse(token)) : token);
  });
  return parts.join("");
}

/** Stands before a number that JavaScript would not hold: it is compared, and written, as it was written. */
export const DIGITS = "\uE000";

/** The value of a JSON text, in which a number that would lose a digit is a text with its digits; throws where it is none. */
export function readExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  // Other texts have no number that is long enough to lose one.
  return /\d{16}|\d\.\d{14}/.test(text) ? JSON.parse(text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g, exactly)) : value;
}

const exactly = (token: string): string => (token.startsWith('"') || String(Number(token)) === token ? token : JSON.stringify(`${DIGITS}${token}`));

/** The JSON text of such a value. */
export const writeExactly = (value: unknown): string => JSON.stringify(value).replaceAll(/"\uE000([^"]*)"/g, "$1");
