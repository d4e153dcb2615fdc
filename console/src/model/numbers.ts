/** A number with its thousands apart and no more digits than it needs. */
export function groupNumber(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 8 });
}

/** A number with its thousands apart and one digit behind the point at most. */
export function tenthsNumber(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 1 });
}

/** `120 B`, `1.5 KiB`, `2.0 MiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
