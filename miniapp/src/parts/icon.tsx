// Our own drawings, 24 by 24, one line thick. (zmp-ui's come from a font on Zalo's CDN.)

const DRAWINGS = {
  day: "M5 6h14a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1zM4 10.5h16M8.5 3.5v4M15.5 3.5v4M12 13.5v3M10.5 15h3",
  book: "M5 6h14a1 1 0 0 1 1 1v5M4 10.5h16M8.5 3.5v4M15.5 3.5v4M4 7v12a1 1 0 0 0 1 1h7M18 15v6M15 18h6",
  record: "M7 3.5h7l5 5V20a.5.5 0 0 1-.5.5h-11A1.5 1.5 0 0 1 6 19V4.5a1 1 0 0 1 1-1zM14 3.5v5h5M9 15h2l1.2-2.5 1.6 4 1.2-1.5H17",
  me: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.8-3.5 3.8-5.5 7.5-5.5s6.7 2 7.5 5.5",
  next: "M9.5 5.5l6.5 6.5-6.5 6.5",
  back: "M14.5 5.5L8 12l6.5 6.5",
  down: "M6 9.5l6 6 6-6",
  check: "M4.5 12.5l5 5 10-11",
  alert: "M12 4L2.8 19.5h18.4zM12 10v4.5M12 17v.5",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  pen: "M4 20l1-4.5L16 4.5l3.5 3.5L8.5 19zM13.5 7l3.5 3.5",
  pill: "M10.5 20a4.8 4.8 0 0 1-6.5-6.5L10.5 6a4.8 4.8 0 0 1 7 7zM7.5 10l6.5 6.5",
  flask: "M9.5 3.5h5M10.5 3.5v6L4.8 19a1 1 0 0 0 .9 1.5h12.6a1 1 0 0 0 .9-1.5l-5.7-9.5v-6M7.5 15h9",
  scan: "M4 8V5a1 1 0 0 1 1-1h3M16 4h3a1 1 0 0 1 1 1v3M20 16v3a1 1 0 0 1-1 1h-3M8 20H5a1 1 0 0 1-1-1v-3M4 12h16",
  offline: "M3 3l18 18M8.5 15.5a5 5 0 0 1 6-.8M5.5 12.3a9 9 0 0 1 4-2.3M18.5 12.3a9 9 0 0 0-3.5-2.1M2.5 9a14 14 0 0 1 4.5-2.8M21.5 9A14 14 0 0 0 11 5.3M12 19v.3",
  hospital: "M5 20.5v-15a1 1 0 0 1 1-1h12a1 1 0 0 1 1 1v15M3 20.5h18M12 7.5v5M9.5 10h5M10 20.5v-4h4v4",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5l5 5",
  shield: "M12 3.5l7.5 3v5c0 4.5-3 7.8-7.5 9-4.5-1.2-7.5-4.5-7.5-9v-5zM8.5 12l2.5 2.5 4.5-5",
  people: "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5c.6-3 3.2-4.8 6.5-4.8s5.9 1.8 6.5 4.8M15.5 4.8a3.5 3.5 0 0 1 0 6.4M17.5 15c2.2.6 3.6 2.2 4 4.5",
  clock: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 7v5.5l3.5 2",
  out: "M10 4.5H6a1 1 0 0 0-1 1v13a1 1 0 0 0 1 1h4M15.5 8l4 4-4 4M19 12H9.5",
  device: "M8 3.5h8a1 1 0 0 1 1 1v15a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1zM11 17.5h2",
  lock: "M6.5 11h11a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1V12a1 1 0 0 1 1-1zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  doctor: "M6 4v4.5a4 4 0 0 0 8 0V4M10 12.5V15a5 5 0 0 0 9.5 2.2M19.5 14.5a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6v1.5",
  image: "M5 4.5h14a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM4 16l4.5-4.5 4 4 3-3L20 17M15.5 9v.2",
} as const;

export type Drawing = keyof typeof DRAWINGS;

/** A drawing beside words that say the same: hidden from screen readers. */
export function Icon({ name }: { name: Drawing }): React.JSX.Element {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={DRAWINGS[name]} />
    </svg>
  );
}
