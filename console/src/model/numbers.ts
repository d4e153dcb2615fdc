/** A number with its thousands apart and no more digits than it needs. */
export function groupNumber(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 8 });
}
