/** What answers say that are errors, in any of AWS's protocols. Pure. */

import { fieldsOf } from "./json";
import type { Fields } from "./json";

/** As far as the answer says it. */
interface ErrorAnswer {
  readonly code: string | null;
  readonly message: string | null;
  /** The members of the answer, where it was a JSON object. */
  readonly body: Fields;
}

/**
 * Code and message of an error.
 *
 * - `header`: `x-amzn-errortype`, in which REST has the code; the member `Type` of its body says whose fault it is.
 */
export function errorOf(text: string, header: string | null): ErrorAnswer {
  if (text.startsWith("<")) return { code: element(text, "Code"), message: element(text, "Message"), body: {} };
  const body = jsonOf(text);
  const said = (name: string): string | null => {
    const value = body[name];
    return typeof value === "string" ? value : null;
  };
  const code = said("__type") ?? header;
  // `com.amazonaws.logs#LimitExceededException`, `LimitExceededException:http://...`.
  return { code: code?.split("#").pop()?.split(":")[0] ?? null, message: said("message") ?? said("Message"), body };
}

function jsonOf(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return {};
  }
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", amp: "&" };

function element(xml: string, name: string): string | null {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(lt|gt|quot|apos|#39|amp);/g, (entity, word: string) => ENTITIES[word] ?? entity) ?? null;
}
