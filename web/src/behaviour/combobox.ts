// Search while typing (WAI-ARIA combobox with a list). The server draws the options; htmx brings them.
// An option with data-href opens that page; one with data-value fills the hidden field beside and tells the form. Where
// there is none the words themselves are picked (data-waits: Enter before the answer takes its first option).
export function combobox(): void {
  document.addEventListener("keydown", onKey);
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event as CustomEvent<{ target: HTMLElement; shouldSwap: boolean; requestConfig: { formData: FormData } }>;
    const combo = detail.target.closest<HTMLElement>("[data-combo]");
    if (combo && !awaits(combo, detail.requestConfig.formData)) detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const list = (event.target as HTMLElement).closest?.<HTMLElement>("[data-combo] [role='listbox']");
    if (list) opened(list);
  });
  document.addEventListener("pointerdown", (event) => {
    const option = (event.target as HTMLElement).closest<HTMLElement>("[data-combo] [role='option']");
    if (!option) return;
    event.preventDefault();
    pick(option);
  });
  document.addEventListener("focusout", (event) => {
    const combo = (event.target as HTMLElement).closest?.<HTMLElement>("[data-combo]");
    if (combo && !combo.contains(event.relatedTarget as Node | null)) close(combo);
  });
  document.addEventListener("input", (event) => {
    const input = event.target as HTMLInputElement;
    const combo = input.closest?.<HTMLElement>("[data-combo]");
    if (combo && input.getAttribute("role") === "combobox") changed(combo);
  });
}

function onKey(event: KeyboardEvent): void {
  const input = event.target as HTMLElement;
  const combo = input.closest?.<HTMLElement>("[data-combo]");
  if (!combo || input.getAttribute("role") !== "combobox" || event.isComposing) return;
  const list = options(combo);
  const at = list.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && list.length && !("stale" in combo.dataset)) {
    event.preventDefault();
    select(combo, (at + step + list.length) % list.length);
  } else if (event.key === "Enter" && at >= 0) {
    event.preventDefault();
    pick(list[at]);
  } else if (event.key === "Enter" && "stale" in combo.dataset && (picked(combo) || "waits" in combo.dataset)) {
    event.preventDefault(); // the answer is on its way: its first option is taken when it comes
    combo.dataset.awaited = ""; // (a scanner's field has nothing to pick and is sent as it is)
  } else if (event.key === "Escape" && list.length) {
    event.preventDefault();
    close(combo);
  } else if (event.key === "Tab" && at >= 0 && "pickOnTab" in combo.dataset) {
    pick(list[at]);
  }
}

/** Somebody still stands in the field, and the words that were asked for are still in it: an answer to others is none. */
function awaits(combo: HTMLElement, asked: FormData): boolean {
  const input = field(combo);
  return input !== null && input === document.activeElement && asked.get(input.name) === input.value;
}

/** The text changed: neither the value picked before nor the answers shown belong to it any more. */
function changed(combo: HTMLElement): void {
  const hidden = picked(combo);
  if (hidden) hidden.value = "";
  combo.dataset.stale = "";
  delete combo.dataset.awaited;
  for (const option of options(combo)) option.setAttribute("aria-selected", "false");
  field(combo)?.removeAttribute("aria-activedescendant");
}

function picked(combo: HTMLElement): HTMLInputElement | null {
  return combo.querySelector("input[type='hidden']");
}

function options(combo: HTMLElement): HTMLElement[] {
  return [...combo.querySelectorAll<HTMLElement>("[role='option']:not([aria-disabled='true'])")];
}

function opened(list: HTMLElement): void {
  const combo = list.closest<HTMLElement>("[data-combo]");
  if (!combo) return;
  delete combo.dataset.stale;
  const all = options(combo);
  all.forEach((option, index) => { option.id ||= `${list.id}-${index}`; });
  field(combo)?.setAttribute("aria-expanded", String(all.length > 0));
  const awaited = "awaited" in combo.dataset;
  delete combo.dataset.awaited;
  if (!all.length) return;
  if (awaited) return pick(all[0]);
  select(combo, 0);
  // The answers stay above the bar at the foot.
  if (list.getBoundingClientRect().bottom > window.innerHeight - 64) combo.scrollIntoView({ block: "start" });
}

function select(combo: HTMLElement, at: number): void {
  options(combo).forEach((option, index) => option.setAttribute("aria-selected", String(index === at)));
  const current = options(combo)[at];
  field(combo)?.setAttribute("aria-activedescendant", current.id);
  current.scrollIntoView({ block: "nearest" });
}

function field(combo: HTMLElement): HTMLInputElement | null {
  return combo.querySelector("[role='combobox']");
}

function close(combo: HTMLElement): void {
  combo.querySelector("[role='listbox']")?.replaceChildren();
  field(combo)?.setAttribute("aria-expanded", "false");
  field(combo)?.removeAttribute("aria-activedescendant");
  delete combo.dataset.awaited;
}

function pick(option: HTMLElement): void {
  const combo = option.closest<HTMLElement>("[data-combo]");
  if (!combo) return;
  const { href, value, label } = option.dataset;
  const input = field(combo);
  if (href) return window.location.assign(href);
  const hidden = picked(combo);
  if (input) input.value = label ?? option.textContent?.trim() ?? "";
  if (hidden) hidden.value = value ?? "";
  close(combo);
  combo.dispatchEvent(new CustomEvent("benhan:pick", { bubbles: true, detail: { value, label } }));
  (hidden ?? input)?.dispatchEvent(new Event("change", { bubbles: true }));
  if ("submits" in combo.dataset) input?.form?.requestSubmit();
}
