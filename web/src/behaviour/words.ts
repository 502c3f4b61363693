// Vietnamese as people type it: without marks, in any case.

/** "Đặng Thị Tâm" → "dang thi tam". */
export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[đĐ]/g, "d").toLowerCase().replace(/\s+/g, " ").trim();
}

/** Every typed word begins a word of the text, in any order. */
export function matches(typed: string, text: string): boolean {
  const words = fold(text).split(/[^a-z0-9]+/);
  return fold(typed).split(" ").every((part) => part === "" || words.some((word) => word.startsWith(part)));
}

/** Whether letters typed now would land in this element. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !/^(button|submit|reset|checkbox|radio|file|range|color|image)$/.test(target.type);
}

/** Whether a person could use this element now. */
export function isUsable(element: HTMLElement): boolean {
  return !element.matches(":disabled, [aria-disabled='true']") && element.getClientRects().length > 0;
}
