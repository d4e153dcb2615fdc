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
