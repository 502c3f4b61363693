// A bed board: somebody is dragged from bed to bed, or held with x and laid down with v. Both post the board's own form;
// who looks with JavaScript off opens the bed or the person and chooses there.
import { isTyping } from "./words";

export function beds(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-moves]");
  if (!form) return;
  let held = "";
  const move = (stay: string, bed: string | undefined) => {
    if (!stay || !bed) return;
    (form.elements.namedItem("luot") as HTMLInputElement).value = stay;
    (form.elements.namedItem("giuong") as HTMLInputElement).value = bed;
    form.requestSubmit();
  };
  const hold = (person: HTMLElement | null) => {
    for (const one of document.querySelectorAll(".held")) one.classList.remove("held");
    held = person?.dataset.stay ?? "";
    person?.classList.add("held");
    const say = document.getElementById("say");
    if (say) say.textContent = person ? (form.dataset.held ?? "").replace("{}", person.dataset.name ?? "") : "";
  };
  document.addEventListener("dragstart", (event) => {
    const person = (event.target as HTMLElement).closest?.<HTMLElement>("[data-stay]");
    if (person) event.dataTransfer?.setData("text/x-stay", person.dataset.stay ?? "");
  });
  document.addEventListener("dragover", (event) => {
    const bed = over(event);
    for (const one of document.querySelectorAll(".bed.over")) if (one !== bed) one.classList.remove("over");
    if (!bed) return;
    event.preventDefault();
    bed.classList.add("over");
  });
  document.addEventListener("drop", (event) => {
    const bed = over(event);
    if (!bed) return;
    event.preventDefault();
    move(event.dataTransfer?.getData("text/x-stay") ?? "", bed.dataset.bed);
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const at = event.target as HTMLElement;
    if (event.key === "x") hold(at.closest?.<HTMLElement>("[data-stay]") ?? null);
    else if (event.key === "v" && held) move(held, at.closest?.<HTMLElement>("[data-bed]")?.dataset.bed);
    else if (event.key === "Escape" && held) {
      event.preventDefault();
      hold(null);
    }
  });
}

function over(event: DragEvent): HTMLElement | null {
  return event.dataTransfer?.types.includes("text/x-stay") ? ((event.target as HTMLElement).closest?.<HTMLElement>("[data-bed]") ?? null) : null;
}
