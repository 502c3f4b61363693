// Fields that are asked only if another one has an answer: shown and hidden as it is given. Without scripts all are shown,
// each with the words that say when it is asked; the server drops what is not.
export function asked(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-asks]")) settle(form);
  document.addEventListener("change", (event) => {
    const form = (event.target as HTMLElement).closest?.<HTMLFormElement>("form[data-asks]");
    if (form) settle(form);
  });
}

function settle(form: HTMLFormElement): void {
  for (const part of form.querySelectorAll<HTMLElement>("[data-when]")) {
    part.hidden = !holds(form, part.dataset.when ?? "", part.dataset.value ?? "");
    for (const says of part.querySelectorAll<HTMLElement>("[data-when-says]")) says.hidden = true;
  }
}

function holds(form: HTMLFormElement, name: string, value: string): boolean {
  return [...form.elements].some(
    (field) => field instanceof HTMLInputElement && field.name === name && field.value === value && field.checked,
  );
}
