// Native dialogs: opened by data-opens="id", closed by Escape, by data-closes or by a click beside them.
export function dialogs(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as HTMLElement;
    const opener = target.closest<HTMLElement>("[data-opens]");
    if (opener) openDialog(opener.dataset.opens ?? "");
    else if (target.closest("[data-print]")) window.print();
    else if (target.closest("[data-closes]")) target.closest("dialog")?.close();
    else if (target instanceof HTMLDialogElement && outside(target, event)) target.close();
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.me[open]")) {
      if (!menu.contains(target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = document.querySelector<HTMLDetailsElement>("details.me[open]");
    if (event.key !== "Escape" || !menu || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
  // A preference is chosen by one click; without JavaScript the form has its own button.
  if ("autoprint" in document.body.dataset) window.print();
  document.addEventListener("change", (event) => {
    const input = event.target as HTMLElement;
    // A search submits by itself when an answer is picked; its own change (also fired as it leaves the page) is none.
    if (input.closest("[data-submits]:not([data-combo])")) input.closest("form")?.requestSubmit();
  });
}

/** Open a dialog of the page by its id, or show the details behind a disclosure. */
export function openDialog(id: string): void {
  const dialog = document.getElementById(id);
  if (!(dialog instanceof HTMLDialogElement) || dialog.open) return;
  dialog.dispatchEvent(new CustomEvent("benhan:open"));
  dialog.showModal();
}

function outside(dialog: HTMLDialogElement, event: MouseEvent): boolean {
  const box = dialog.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}
