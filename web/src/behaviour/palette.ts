// Ctrl/⌘ K: everything that can be done on this page or reached from it, found by unaccented words. `?` lists the keys.
import { openDialog } from "./dialogs";
import { activate } from "./keys";
import { isUsable, matches } from "./words";

const SHOWN: Record<string, string> = { escape: "Esc", arrowup: "↑", arrowdown: "↓" };

interface Action { label: string; key: string; element: HTMLElement }

export function palette(): void {
  const dialog = document.getElementById("palette") as HTMLDialogElement | null;
  document.getElementById("keys")?.addEventListener("benhan:open", listKeys);
  if (!dialog) return;
  const input = dialog.querySelector("input") as HTMLInputElement;
  const list = dialog.querySelector("ul") as HTMLUListElement;
  let shown: Action[] = [];
  let at = 0;

  const draw = (): void => {
    shown = actions().filter((action) => matches(input.value, action.label)).slice(0, 40);
    at = 0;
    list.replaceChildren(...shown.map(item));
    mark();
  };
  const mark = (): void => {
    [...list.children].forEach((child, index) => child.setAttribute("aria-selected", String(index === at)));
    const current = list.children[at];
    input.setAttribute("aria-activedescendant", current?.id ?? "");
    current?.scrollIntoView({ block: "nearest" });
  };
  const run = (): void => {
    const action = shown[at];
    dialog.close();
    if (action) window.setTimeout(() => activate(now(action)));
  };

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    openDialog("palette");
  });
  dialog.addEventListener("benhan:open", () => { input.value = ""; draw(); });
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") { event.preventDefault(); run(); }
    if (!step || !shown.length) return;
    event.preventDefault();
    at = (at + step + shown.length) % shown.length;
    mark();
  });
  list.addEventListener("click", (event) => {
    at = [...list.children].findIndex((child) => child.contains(event.target as Node));
    if (at >= 0) run();
  });
}

function actions(): Action[] {
  const found = [...document.querySelectorAll<HTMLElement>("[data-key], [data-action], .top nav a")];
  return found.filter((one) => isUsable(one) && !one.closest("dialog")).map((element) => ({ element, label: label(element), key: element.dataset.key ?? "" })).filter((one) => one.label !== "");
}

/** The element of an action as the page stands now: a living part may have been drawn again while one chose. */
function now(action: Action): HTMLElement {
  if (action.element.isConnected) return action.element;
  return actions().find((one) => one.label === action.label && one.key === action.key)?.element ?? action.element;
}

function label(element: HTMLElement): string {
  const named = element.dataset.action || element.getAttribute("aria-label");
  if (named) return named;
  const source = (element as HTMLInputElement).labels?.[0] ?? element;
  const copy = source.cloneNode(true) as HTMLElement;
  copy.querySelectorAll("kbd, svg, .mute, .n, [aria-hidden='true']").forEach((part) => part.remove());
  return (copy.textContent ?? "").replace(/\s+/g, " ").trim();
}

function item(action: Action, index: number): HTMLLIElement {
  const line = document.createElement("li");
  line.id = `palette-${index}`;
  line.setAttribute("role", "option");
  const text = document.createElement("span");
  text.textContent = action.label;
  line.append(text);
  if (action.key) line.append(hint(action.key));
  return line;
}

function hint(key: string): HTMLElement {
  const mark = document.createElement("kbd");
  const parts = key.length > 1 ? key.split("|")[0].trim().split("+") : [key];
  mark.textContent = parts.map((part) => (part.includes(" ") ? part : SHOWN[part] ?? part.replace(/^\w(?=\w)/, (x) => x.toUpperCase()))).join(" ");
  return mark;
}

function listKeys(): void {
  const list = document.querySelector("#keys dl[data-page]");
  list?.replaceChildren(...actions().filter((action) => action.key).map((action) => {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = action.label;
    detail.append(hint(action.key));
    row.append(term, detail);
    return row;
  }));
}
