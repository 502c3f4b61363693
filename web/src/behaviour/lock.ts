// A screen nobody is at is covered, and its session locked at the server. The page stays as it is under the cover, so what was
// being typed is there again afterwards. All windows of the browser lock and unlock together.
import { htmx } from "./exchange";

const SEEN_KEY = "benhan-seen";
const LOOK_MS = 5000;
const TELL_MS = 60_000;
const channel = "BroadcastChannel" in window ? new BroadcastChannel("benhan-lock") : null;
let told = Date.now();
let title = "";
let focused: Element | null = null;

export function lock(): void {
  const { lockPath, lockMinutes } = document.body.dataset;
  if (!lockPath) return;
  here();
  for (const type of ["keydown", "pointerdown", "wheel", "input"]) document.addEventListener(type, () => here(), { passive: true });
  const limit = Number(lockMinutes) * 60_000;
  window.setInterval(() => { if (limit) look(lockPath, limit); }, LOOK_MS);
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.matches("[data-locks]")) { event.preventDefault(); void close(lockPath); }
    if (form.matches("[data-unlocks]") && cover() && !event.defaultPrevented) { event.preventDefault(); void open(form); }
  });
  channel?.addEventListener("message", (event) => { if (event.data === "locked") void show(lockPath); else hide(); });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event as CustomEvent;
    if (!(detail.xhr as XMLHttpRequest).getResponseHeader("Benhan-Locked")) return;
    detail.shouldSwap = false;
    void show(lockPath);
  });
  document.addEventListener("benhan:locked", () => void show(lockPath));
}

/** Somebody is here; every window of the browser knows. */
function here(): void {
  if (!cover()) localStorage.setItem(SEEN_KEY, String(Date.now()));
}

function look(path: string, limit: number): void {
  if (cover()) return;
  const seen = Number(localStorage.getItem(SEEN_KEY) ?? 0);
  if (Date.now() - seen >= limit) return void close(path);
  if (seen > told && Date.now() - told >= TELL_MS) {
    told = Date.now();
    void fetch(`${path}/con-day`, { headers: { "HX-Request": "true" } })
      .then((answer) => { if (answer.status === 401) void show(path); }, () => undefined);
  }
}

/** Cover first, then tell the server; where it cannot be reached the screen stays blank until it can. */
async function close(path: string): Promise<void> {
  blind(true);
  try {
    await fetch(path, { method: "POST", headers: { "HX-Request": "true" } });
  } catch {
    window.setTimeout(() => void close(path), LOOK_MS);
    return;
  }
  channel?.postMessage("locked");
  await show(path);
}

/** Cover the page with what unlocks it; a session that is over leads to the sign-in. */
async function show(path: string): Promise<void> {
  if (cover()) return;
  blind(true);
  const dialog = document.createElement("dialog");
  dialog.id = "lock";
  dialog.setAttribute("aria-labelledby", "lock-title");
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", () => { if (dialog.isConnected) dialog.showModal(); });
  dialog.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); } });
  document.body.append(dialog);
  dialog.showModal();
  await fill(dialog, await fetch(`${path}?next=${encodeURIComponent(location.pathname + location.search)}`, { headers: { "HX-Request": "true" } }));
}

async function open(form: HTMLFormElement): Promise<void> {
  const body = new URLSearchParams(new FormData(form) as unknown as Record<string, string>);
  const answer = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
  const dialog = cover();
  if (answer.status !== 204) { if (dialog) await fill(dialog, answer); return; }
  hide();
  channel?.postMessage("unlocked");
}

async function fill(dialog: HTMLDialogElement, answer: Response): Promise<void> {
  const go = answer.headers.get("HX-Redirect");
  if (go) return window.location.assign(go);
  dialog.innerHTML = await answer.text(); // a fragment of our own, escaped by the server
  htmx.process(dialog);
  document.dispatchEvent(new CustomEvent("htmx:afterSettle"));
  dialog.querySelector<HTMLElement>("[data-autofocus]")?.focus();
}

function hide(): void {
  cover()?.remove();
  blind(false);
  if (focused instanceof HTMLElement) focused.focus();
  here();
}

function cover(): HTMLDialogElement | null {
  return document.querySelector<HTMLDialogElement>("dialog#lock");
}

/** Nothing of the page shows, not even its title. */
function blind(yes: boolean): void {
  if (yes === document.body.classList.contains("locked")) return;
  if (yes) focused = document.activeElement;
  document.body.classList.toggle("locked", yes);
  if (yes) title = document.title;
  document.title = yes ? "Benhan" : title;
}
