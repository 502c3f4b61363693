// htmx and its event-stream extension under our content security policy: no eval, no inline style, same origin only.
import htmx from "htmx.org";
import "htmx-ext-sse";
import { isTyping } from "./words";

htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0; // no record content is left in the browser's storage
htmx.config.scrollIntoViewOnBoost = false;
htmx.config.defaultSettleDelay = 0; // what came with an answer is wired before anybody can type in it
htmx.config.responseHandling = [
  { code: "204", swap: false },
  { code: "[23]..", swap: true },
  { code: "422", swap: true },
  { code: "[45]..", swap: true, error: true },
];

// A stream begins where its page stands in the change feed: what changed while it was opened is told, too.
(htmx as unknown as { createEventSource: (url: string) => EventSource }).createEventSource = (url) => {
  const address = new URL(url, location.href);
  address.searchParams.set("since", document.body.dataset.feed ?? "");
  return new EventSource(address);
};

// A refused request tells why where every problem is told, and leaves the part of the page it was meant for alone.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event as CustomEvent;
  const { status } = detail.xhr as XMLHttpRequest;
  if (status < 400 || status === 422) return;
  const place = document.getElementById("problems");
  if (!place) return;
  detail.target = place;
  detail.swapOverride = "innerHTML";
  detail.selectOverride = "unset";
});
document.addEventListener("htmx:beforeRequest", (event) => {
  const { detail } = event as CustomEvent;
  if (detail.requestConfig.verb !== "get") document.getElementById("problems")?.replaceChildren();
});
document.addEventListener("htmx:sendError", () => tell(document.body.dataset.offline ?? ""));

// `HX-Trigger: {"say": "…"}` on an answer is read out by a screen reader, and shown to nobody else.
document.addEventListener("say", (event) => {
  const place = document.getElementById("say");
  if (place) place.textContent = (event as CustomEvent<{ value: string }>).detail.value;
});

// New content may ask for the focus (results that are chosen by number, the field after a step), but never takes it
// from a field that somebody has gone to meanwhile, nor from somebody who has left hers: her next letter is a key.
const askers = new WeakMap<XMLHttpRequest, Element | null>();
let hasLeft = false;
document.addEventListener("htmx:beforeRequest", (event) => {
  askers.set((event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr, document.activeElement);
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const asker = askers.get((event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr);
  hasLeft = document.activeElement === document.body && asker !== document.body && asker?.isConnected === true;
});
document.addEventListener("htmx:afterSwap", (event) => {
  focusHeld(event.target as HTMLElement);
  if (!hasLeft) focusWanted(event.target as HTMLElement);
});
focusWanted(document.body);

// A list that is drawn again leaves the focus on the row or button where it stood (htmx does so for what has an id).
let held: { element: HTMLElement; name: string; nth: number } | null = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const element = document.activeElement;
  const { target } = (event as CustomEvent<{ target: HTMLElement }>).detail;
  held = null;
  if (!(element instanceof HTMLElement) || element.id || element === target || !target.contains(element)) return;
  held = { element, name: named(element), nth: namesakes(target, element.tagName, named(element)).indexOf(element) };
});

function focusHeld(part: HTMLElement): void {
  if (!held || held.element.isConnected || document.activeElement !== document.body) return;
  namesakes(part, held.element.tagName, held.name)[held.nth]?.focus();
  if (document.activeElement !== document.body) held = null;
}

function namesakes(part: HTMLElement, tag: string, name: string): HTMLElement[] {
  return [...part.querySelectorAll<HTMLElement>(tag)].filter((one) => named(one) === name);
}

/** What an element without an id is known by: where it leads, what it sends. */
function named(element: HTMLElement): string {
  const form = element.closest("form");
  const sent = form ? [...new FormData(form)].filter(([name]) => name !== "version").join() : "";
  const own = ["href", "name", "value", "aria-label"].map((name) => element.getAttribute(name)).join();
  return `${own} ${form?.getAttribute("action") ?? ""} ${sent}`;
}

// What is typed into a field after a form was sent belongs to the next one: the field that comes with the answer takes it over.
let sent: { field: HTMLInputElement; value: string } | null = null;
let typed: { id: string; text: string } | null = null;
document.addEventListener("htmx:beforeRequest", (event) => {
  const field = document.activeElement;
  const { verb } = (event as CustomEvent<{ requestConfig: { verb: string } }>).detail.requestConfig;
  if (verb !== "get") sent = field instanceof HTMLInputElement && isTyping(field) ? { field, value: field.value } : null;
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = (event as CustomEvent<{ target: HTMLElement; requestConfig: { verb: string } }>).detail;
  typed = null;
  if (requestConfig.verb === "get" || !sent || sent.field !== document.activeElement || !target.contains(sent.field)) return;
  const { field: { id, value }, value: before } = sent;
  if (id && value !== before) typed = { id, text: value.startsWith(before) ? value.slice(before.length) : value };
});
document.addEventListener("htmx:afterSettle", () => {
  const field = typed && document.getElementById(typed.id);
  if (typed && field instanceof HTMLInputElement && field === document.activeElement) {
    field.value = typed.text;
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  typed = null;
});

function focusWanted(part: HTMLElement): void {
  const now = document.activeElement;
  if (now?.matches("input, select, textarea") && !part.contains(now)) return;
  (part.matches("[data-autofocus]") ? part : part.querySelector<HTMLElement>("[data-autofocus]"))?.focus();
}

/** Say something in the place for problems, as text. */
export function tell(message: string): void {
  const place = document.getElementById("problems");
  if (!place || !message) return;
  const notice = document.createElement("div");
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  notice.textContent = message;
  place.replaceChildren(notice);
}

export { htmx };
