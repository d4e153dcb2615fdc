/** Numbers over time as bars, oldest on the left; a word for who does not see them. */
export function Bars({ counts, label, tone = "busy", width = 120, height = 22 }: { counts: readonly number[]; label: string; tone?: string; width?: number; height?: number }) {
  const most = Math.max(1, ...counts);
  const step = width / Math.max(1, counts.length);
  return (
    <svg className={`bars tone-${tone}`} width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      <title>{label}</title>
      {counts.map((count, index) => {
        // One is seen beside a thousand.
        const tall = count === 0 ? 1 : Math.max(3, (count / most) * height);
        return (
          <rect
            key={index}
            className={count === 0 ? "bars-none" : "bars-some"}
            x={index * step}
            y={height - tall}
            width={Math.max(1, step - 1)}
            height={tall}
          />
        );
      })}
    </svg>
  );
}
