// A sheet of values: Enter and ↓ go to the next field, ↑ to the one before; what was typed in it is selected.
const FIELDS = "input:not([type='hidden'], [type='checkbox']):not(:disabled), select:not(:disabled)";

export function sheets(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target as HTMLElement;
    const sheet = field.closest?.<HTMLElement>("[data-sheet]");
    if (!sheet || !field.matches(FIELDS)) return;
    const step = wanted(event.key, field);
    if (!step) return;
    event.preventDefault();
    const fields = [...sheet.querySelectorAll<HTMLElement>(FIELDS)].filter((one) => one.getClientRects().length > 0);
    const next = fields[fields.indexOf(field) + step];
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
