// Vietnamese first, complete English beside it: the Vietnamese text is the key, and what has no English does not compile.
import type english from "./english";

export type Words = keyof typeof english;
export type Language = "vi" | "en";

let language: Language = "vi";
let known: Record<string, string> = {};

/** The language of the screen. */
export const spoken = (): Language => language;

/** Speak a language from now on; its words are fetched when it is not Vietnamese. */
export async function speak(next: Language): Promise<void> {
  known = next === "en" ? (await import("./english")).default : {};
  language = next;
  document.documentElement.lang = next;
}

/** The text in the language of the screen; `{name}` is filled from `values`. */
export function t(text: Words, values: Record<string, string | number> = {}): string {
  return (known[text] ?? text).replace(/\{(\w+)\}/g, (_all, name: string) => String(values[name] ?? ""));
}

/** "150.000 ₫". */
export const dong = (amount: number): string => `${amount.toLocaleString("vi-VN")} ₫`;

const DAYS: Words[] = ["Chủ nhật", "Thứ hai", "Thứ ba", "Thứ tư", "Thứ năm", "Thứ sáu", "Thứ bảy"];
const SHORT: Words[] = ["CN", "T2", "T3", "T4", "T5", "T6", "T7"];

/** A moment as the clocks of Vietnam show it, whatever zone the telephone is in. */
function parts(moment: string | number): Record<string, string> {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: "Asia/Ho_Chi_Minh", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  return Object.fromEntries(format.formatToParts(new Date(moment)).map((one) => [one.type, one.value]));
}

/** "2026-11-23" of a moment, or of a day as it is. */
export function dayOf(moment: string | number): string {
  if (typeof moment === "string" && moment.length === 10) return moment;
  const at = parts(moment);
  return `${at.year}-${at.month}-${at.day}`;
}
/** 07:30 */
export function time(moment: string | number): string {
  const at = parts(moment);
  return `${at.hour}:${at.minute}`;
}
/** 23/11/2026 */
export function date(moment: string | number): string {
  const [year, month, day] = dayOf(moment).split("-");
  return `${day}/${month}/${year}`;
}
/** 23/11 */
export const shortDate = (moment: string | number): string => date(moment).slice(0, 5);
/** "Thứ hai", or short "T2". */
export function weekday(moment: string | number, short = false): string {
  return t((short ? SHORT : DAYS)[new Date(`${dayOf(moment)}T12:00:00Z`).getUTCDay()]!);
}
/** Today in Vietnam. */
export const today = (): string => dayOf(Date.now());
/** "hôm nay", "ngày mai", else "Thứ hai 23/11". */
export function when(day: string): string {
  const apart = Math.round((Date.parse(dayOf(day)) - Date.parse(today())) / 86_400_000);
  if (apart === 0) return t("hôm nay");
  if (apart === 1) return t("ngày mai");
  return `${weekday(day)} ${shortDate(day)}`;
}
