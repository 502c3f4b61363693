// Keys are declared in the markup: data-key="m", "Enter", "shift+enter", "g o". Buttons and links are pressed, fields get the focus.
// A plain letter never acts while somebody types; Escape leaves the field first, then the letters act again.
import { openDialog } from "./dialogs";
import { isTyping, isUsable } from "./words";

const CHORD_MS = 1200;
const NATIVE = "a[href], button, summary, select, textarea, [role='option'], input:not([type='radio'], [type='checkbox'])";
let first = "";
let timer = 0;

export function keys(): void {
  document.addEventListener("keydown", onKey);
  markShortcuts();
  document.addEventListener("htmx:afterSettle", markShortcuts);
}

/** All elements with a key that a person could use now, topmost dialog first. */
export function bound(): HTMLElement[] {
  const scope = document.querySelector("dialog[open]") ?? document;
  return [...scope.querySelectorAll<HTMLElement>("[data-key]")].filter(isUsable);
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.key === "Process") return;
  const pressed = name(event);
  if (pressed === "") return;
  const typing = isTyping(event.target);
  const plain = pressed.length === 1;
  if (typing && plain) return;
  if (pressed === "?") return take(event, () => openDialog("keys"));
  if (pressed === "enter" && !mayEnter(event.target)) return;
  const element = find(pressed);
  if (element) return take(event, () => activate(element));
  if (plain && !first && bound().some((one) => wanted(one).some((key) => key.startsWith(`${pressed} `)))) {
    first = pressed;
    timer = window.setTimeout(forget, CHORD_MS);
    return event.preventDefault();
  }
  forget();
  if (pressed === "escape" && typing) (event.target as HTMLElement).blur();
}

function find(pressed: string): HTMLElement | undefined {
  const chord = first ? `${first} ${pressed}` : pressed;
  return bound().find((one) => wanted(one).includes(chord));
}

function take(event: KeyboardEvent, act: () => void): void {
  event.preventDefault();
  forget();
  act();
}

function forget(): void {
  first = "";
  window.clearTimeout(timer);
}

function wanted(element: HTMLElement): string[] {
  return (element.dataset.key ?? "").toLowerCase().split("|").map((key) => key.trim().replace(/^esc$/, "escape"));
}

/** Enter belongs to whatever has the focus, except an empty field that lets it through (data-enter-through). */
function mayEnter(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement) || !target.matches(NATIVE)) return true;
  return target instanceof HTMLInputElement && target.value === "" && "enterThrough" in target.dataset;
}

function name(event: KeyboardEvent): string {
  const key = event.key.toLowerCase();
  if (/^(shift|control|alt|meta|altgraph)$/.test(key)) return "";
  const control = event.ctrlKey || event.metaKey ? "ctrl+" : "";
  const alt = event.altKey ? "alt+" : "";
  const shift = event.shiftKey && key.length > 1 ? "shift+" : "";
  return `${control}${alt}${shift}${key}`;
}

/** Press or focus an element, as its key would. */
export function activate(element: HTMLElement): void {
  if (isTyping(element) || (element instanceof HTMLInputElement && element.type === "file")) {
    element.focus();
    if (element instanceof HTMLInputElement) element.select();
  } else {
    element.focus();
    element.click();
  }
}

function markShortcuts(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-key]:not([aria-keyshortcuts])")) {
    const words = wanted(element).filter((key) => !key.includes(" "));
    if (words.length) element.setAttribute("aria-keyshortcuts", words.map((key) => key.replace(/(^|\+)\w/g, (x) => x.toUpperCase()).replace("Ctrl", "Control")).join(" "));
  }
}
