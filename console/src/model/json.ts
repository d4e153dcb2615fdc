/** Why a text is no JSON; `null` if it is. */
export function notJson(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (reason) {
    return reason instanceof Error ? `Not JSON: ${reason.message}` : "Not JSON";
  }
}
