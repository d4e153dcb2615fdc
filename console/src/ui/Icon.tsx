/** Signs of 16 by 16, drawn by strokes in the colour of the text around them. */

const PATHS = {
  check: "M3.2 8.4 6.4 11.6 12.8 4.6",
  cross: "M4.2 4.2 11.8 11.8 M11.8 4.2 4.2 11.8",
  running: "M8 2.2 A5.8 5.8 0 1 1 2.2 8",
  stop: "M4.2 4.2H11.8V11.8H4.2Z",
  clock: "M8 2.2A5.8 5.8 0 1 0 8 13.8 5.8 5.8 0 1 0 8 2.2 M8 4.8V8L10.2 9.6",
  catch: "M3 4.5H9.5A3.2 3.2 0 0 1 9.5 11H5 M7.2 8.6 4.8 11 7.2 13.4",
  pause: "M5.6 3.8V12.2 M10.4 3.8V12.2",
  copy: "M5.5 5.5H13V13H5.5Z M3 10.5V3H10.5",
  search: "M7 2.8A4.2 4.2 0 1 0 7 11.2 4.2 4.2 0 1 0 7 2.8 M10.2 10.2 13.4 13.4",
  machine: "M5.6 2.5H10.4V5.5H5.6Z M2.5 10.5H6.5V13.5H2.5Z M9.5 10.5H13.5V13.5H9.5Z M8 5.5V8 M4.5 10.5V8H11.5V10.5",
  list: "M5.5 4H13.5 M5.5 8H13.5 M5.5 12H13.5 M2.5 4H2.6 M2.5 8H2.6 M2.5 12H2.6",
  lambda: "M4 2.8H5.8L11.6 13.2H13 M7.6 6.2 3.4 13.2",
  play: "M5 3.2 12.4 8 5 12.8Z",
  redo: "M12.6 5.4A5.4 5.4 0 1 0 13.4 9.6 M12.9 2.2V5.7H9.4",
  sun: "M8 5.2A2.8 2.8 0 1 0 8 10.8 2.8 2.8 0 1 0 8 5.2 M8 1.6V2.8 M8 13.2V14.4 M1.6 8H2.8 M13.2 8H14.4 M3.5 3.5 4.3 4.3 M11.7 11.7 12.5 12.5 M12.5 3.5 11.7 4.3 M4.3 11.7 3.5 12.5",
  moon: "M13 9.6A5.6 5.6 0 1 1 6.4 3 4.6 4.6 0 0 0 13 9.6Z",
  screen: "M2.2 3.2H13.8V10.8H2.2Z M6 13.4H10 M8 10.8V13.4",
  plus: "M8 3.2V12.8 M3.2 8H12.8",
  right: "M6 3.4 10.6 8 6 12.6",
  down: "M3.4 6 8 10.6 12.6 6",
  keyboard: "M1.8 4.2H14.2V11.8H1.8Z M4.4 6.8H4.5 M7 6.8H7.1 M9.6 6.8H9.7 M11.8 6.8H11.9 M5 9.4H11",
  link: "M6.6 9.4 9.4 6.6 M7.2 4.6 8.8 3A3 3 0 0 1 13 7.2L11.4 8.8 M8.8 11.4 7.2 13A3 3 0 0 1 3 8.8L4.6 7.2",
  undo: "M3.4 5.4A5.4 5.4 0 1 1 2.6 9.6 M3.1 2.2V5.7H6.6",
  pencil: "M3 13 3.6 10.2 10.8 3 13 5.2 5.8 12.4Z M9.4 4.4 11.6 6.6",
  warning: "M8 2.4 14.2 13.2H1.8Z M8 6.4V9.4 M8 11.3V11.4",
  minus: "M3.2 8H12.8",
  download: "M8 2.6V9.8 M4.8 6.8 8 10 11.2 6.8 M3 13.2H13",
  format: "M2.6 4H13.4 M5.6 8H13.4 M2.6 12H13.4",
  log: "M3 2.5H13V13.5H3Z M5.4 5.4H10.6 M5.4 8H10.6 M5.4 10.6H8.6",
  trace: "M2.2 3.6H9.5 M5 8H12 M8 12.4H13.8",
  map: "M3.8 5.6A1.8 1.8 0 1 0 3.8 2 1.8 1.8 0 1 0 3.8 5.6 M12.2 9.8A1.8 1.8 0 1 0 12.2 6.2 1.8 1.8 0 1 0 12.2 9.8 M4.2 14A1.8 1.8 0 1 0 4.2 10.4 1.8 1.8 0 1 0 4.2 14 M5.5 4.6 10.5 7.2 M5.8 11.4 10.6 8.9",
  alarm: "M8 2.4A4 4 0 0 0 4 6.4C4 10 2.8 11.4 2.8 11.4H13.2S12 10 12 6.4A4 4 0 0 0 8 2.4Z M6.8 13.6H9.2",
  metric: "M2.4 2.4V13.6H13.6 M4.6 10.6 7.2 7.2 9.4 9 13 4.4",
  user: "M8 2.6A2.7 2.7 0 1 0 8 8 2.7 2.7 0 1 0 8 2.6 M2.8 13.6C3.2 10.9 5.3 9.8 8 9.8S12.8 10.9 13.2 13.6",
  dashboard: "M2.4 2.4H7V8.4H2.4Z M9.4 2.4H13.6V5.6H9.4Z M2.4 10.8H7V13.6H2.4Z M9.4 8H13.6V13.6H9.4Z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      className={name === "running" ? "icon icon-running" : "icon"}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
