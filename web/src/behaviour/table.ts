// Rows by keyboard: ↑ ↓ or j k move, Home and End jump, Enter opens (the row's own link has the focus), a click anywhere opens.
import { isTyping } from "./words";

export function tables(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || document.querySelector("dialog[open]")) return;
    const table = (event.target as HTMLElement).closest?.("[data-rows]") ?? (outOfControls(event.target) ? document.querySelector("main [data-rows]") : null);
    if (!table) return;
    const links = [...table.querySelectorAll("tbody tr, [data-row]")].map(opener).filter((link) => link !== null);
    if (!links.length) return;
    const at = links.findIndex((link) => link.closest("tr, [data-row]")?.contains(document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step));
    event.preventDefault();
    links[next].focus();
  });
  document.addEventListener("click", (event) => {
    const target = event.target as HTMLElement;
    const row = target.closest("[data-rows] tbody tr");
    if (!row || target.closest("a, button, input, label, select, summary") || String(getSelection())) return;
    opener(row)?.click();
  });
  for (const type of ["load", "resize"]) window.addEventListener(type, reach);
  document.addEventListener("htmx:afterSettle", reach);
}

/** A table wider than its place is moved by keyboard, too: by what it holds, or else it takes the focus itself. */
function reach(): void {
  for (const place of document.querySelectorAll<HTMLElement>(".t-scroll")) {
    const stuck = place.scrollWidth > place.clientWidth && !place.querySelector("a[href], button, input, select, textarea, [tabindex]");
    if (stuck) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  }
}

function opener(row: Element): HTMLElement | null {
  return row.querySelector<HTMLElement>("[data-open], a[href], button:not(:disabled)");
}

function outOfControls(target: EventTarget | null): boolean {
  return target === document.body || target === document.documentElement;
}
