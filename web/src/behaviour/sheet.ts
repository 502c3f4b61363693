// A sheet of values: Enter and ↓ go to the next cell, ↑ to the one before; what stands in it is selected.
const CELLS = "[data-cell]:not(:disabled)";
const FIELDS = "input:not([type='hidden'], [type='checkbox']), select";

export function sheets(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target as HTMLElement;
    const sheet = field.closest?.<HTMLElement>("[data-sheet]");
    if (!sheet || !field.matches(FIELDS)) return;
    const step = wanted(event.key, field);
    if (!step) return;
    event.preventDefault();
    const cells = [...sheet.querySelectorAll<HTMLElement>(CELLS)].filter((one) => one.getClientRects().length > 0);
    const place = step > 0 ? Node.DOCUMENT_POSITION_FOLLOWING : Node.DOCUMENT_POSITION_PRECEDING;
    const next = (step > 0 ? cells : cells.reverse()).find((one) => field.compareDocumentPosition(one) & place);
    next?.focus();
    if (next instanceof HTMLInputElement) next.select();
  });
}

/** In a list of choices the arrows choose; only Enter goes on. */
function wanted(key: string, field: HTMLElement): number {
  if (key === "Enter") return 1;
  if (field instanceof HTMLSelectElement) return 0;
  return { ArrowDown: 1, ArrowUp: -1 }[key] ?? 0;
}
