// The desk's field keeps the focus even while a person stands before it. While it is empty, a lone key acts as it would
// outside the field (1-9 choose, U, E); keys that follow each other fast are a scanner or a name, and are typed.
import { bound } from "./keys";
import { isTyping } from "./words";

const ALONE_MS = 200;
let held: { field: HTMLInputElement; key: string; timer: number } | null = null;
const opened = performance.now();

export function scan(): void {
  document.addEventListener("keydown", onKey, true);
  document.addEventListener("focusout", keepFocus);
  takeFocus(); // before the first key: a browser under load autofocuses only after the page has loaded
  window.setInterval(tick, 100);
}

function onKey(event: KeyboardEvent): void {
  if (held) {
    const { field, key } = held;
    if (event.key === "Enter") return act();
    if (event.key.length > 1) return;
    release();
    field.value = key;
    return;
  }
  const field = event.target as HTMLInputElement;
  if (!field.matches?.("input[data-scan]") || field.value !== "" || event.isComposing) return;
  if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!wanted(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  held = { field, key: event.key, timer: window.setTimeout(act, ALONE_MS) };
}

function wanted(key: string): HTMLElement | undefined {
  return bound().find((one) => (one.dataset.key ?? "").toLowerCase().split("|").some((name) => name.trim() === key.toLowerCase()));
}

function act(): void {
  if (!held) return;
  const { key, field } = held;
  const element = wanted(key); // as the page stands now: parts of it are drawn again
  release();
  if (!element) return;
  if (isTyping(element)) return element.focus();
  element.click();
  if (field.isConnected) field.focus();
}

function release(): void {
  window.clearTimeout(held?.timer);
  held = null;
}

/** A click beside every control gives the focus back to the field: the next scan must not be lost. */
function keepFocus(event: FocusEvent): void {
  if (event.relatedTarget || !window.matchMedia("(pointer: fine)").matches) return;
  window.setTimeout(takeFocus);
}

function takeFocus(): void {
  const field = document.querySelector<HTMLInputElement>("input[data-scan]");
  if (document.activeElement === document.body && !document.querySelector("dialog[open]") && !String(getSelection())) field?.focus();
}

function tick(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-elapsed]")) {
    const seconds = (Number(element.dataset.elapsed) + performance.now() - opened) / 1000;
    element.textContent = seconds.toFixed(1).replace(".", ",");
  }
}
