// A form with data-autosave saves itself while somebody writes: one request at a time, the newest content last.
// The server answers 2xx with the new version in ETag, 409 or 412 with what somebody else wrote, 422 with what is wrong.
import { htmx, tell } from "./exchange";

const WAIT_MS = 800;
const RETRY_MS = 5000;
const KEEPALIVE_BYTES = 60_000; // of 64 KiB that a page may still send while it is left

export function autosave(): void {
  wire();
  document.addEventListener("htmx:afterSettle", wire);
}

function wire(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-autosave]:not([data-wired])")) {
    form.dataset.wired = "";
    new Draft(form).listen();
  }
}

class Draft {
  private timer = 0;
  private dirty = false;
  private busy = false;
  private stopped = false;
  private savedAt = 0;

  constructor(private readonly form: HTMLFormElement) {}

  listen(): void {
    for (const type of ["input", "change"]) this.form.addEventListener(type, () => this.written());
    this.form.addEventListener("submit", () => { this.dirty = false; window.clearTimeout(this.timer); });
    window.addEventListener("pagehide", () => { if (this.open() && this.dirty && !this.stopped) void this.send(); });
    window.addEventListener("beforeunload", (event) => { if (this.open() && (this.dirty || this.stopped)) event.preventDefault(); });
    window.setInterval(() => { if (this.open() && this.savedAt && !this.dirty && !this.busy && !this.stopped) this.show("saved"); }, 5000);
  }

  /** A form that was replaced (after a conflict, say) has nothing more to keep. */
  private open(): boolean {
    return this.form.isConnected;
  }

  /** "Saved" is never said of words that are not. After a conflict they go to whoever chooses. */
  private written(): void {
    if (this.stopped) return this.tellClash();
    this.show("saving");
    this.later(WAIT_MS);
  }

  private later(wait: number): void {
    if (this.stopped || !this.open()) return;
    this.dirty = true;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(), wait);
  }

  private async save(): Promise<void> {
    if (this.busy) return this.later(WAIT_MS);
    this.busy = true;
    this.dirty = false;
    this.show("saving");
    try {
      await this.answer(await this.send());
    } catch {
      this.show("failed");
      this.later(RETRY_MS);
    } finally {
      this.busy = false;
    }
  }

  /** A save that is on its way goes on when the page is left. */
  private send(): Promise<Response> {
    const body = new URLSearchParams(new FormData(this.form) as unknown as Record<string, string>);
    const headers = { "HX-Request": "true", "Benhan-Autosave": "1" };
    const keepalive = body.toString().length < KEEPALIVE_BYTES;
    return fetch(this.form.dataset.autosave || this.form.action, { method: "POST", body, headers, keepalive });
  }

  /** What is written on while two texts stand to choose from is part of one's own. */
  private tellClash(): void {
    for (const mine of this.place().querySelectorAll<HTMLTextAreaElement>("textarea[hidden]")) {
      const field = this.form.elements.namedItem(mine.name);
      if (field instanceof HTMLTextAreaElement) mine.value = field.value;
    }
  }

  private async answer(response: Response): Promise<void> {
    if (response.ok) {
      const version = (response.headers.get("ETag") ?? "").replace(/^W\/|"/g, "");
      const field = this.form.elements.namedItem("version");
      if (version && field instanceof HTMLInputElement) field.value = version;
      this.savedAt = Date.now();
      return this.show(this.dirty ? "saving" : "saved");
    }
    if (response.headers.get("Benhan-Locked")) {
      document.dispatchEvent(new CustomEvent("benhan:locked"));
      this.show("failed");
      return this.later(RETRY_MS);
    }
    htmx.swap(this.place(), await response.text(), { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0 });
    this.stopped = response.status === 409 || response.status === 412;
    this.show(this.stopped ? "conflict" : "failed");
    if (response.status >= 500) this.later(RETRY_MS);
    if (response.status === 401) tell(document.body.dataset.signedOut ?? "");
  }

  private place(): HTMLElement {
    return document.querySelector<HTMLElement>(this.form.dataset.problems ?? "#problems") ?? this.form;
  }

  private show(state: "saving" | "saved" | "failed" | "conflict"): void {
    const shown = document.querySelector<HTMLElement>(this.form.dataset.saved ?? "[data-saved-state]");
    if (!shown) return;
    const seconds = Math.max(0, Math.round((Date.now() - this.savedAt) / 1000));
    const ago = seconds < 90 ? shown.dataset.seconds : shown.dataset.minutes;
    shown.dataset.state = state;
    shown.textContent = state === "saved"
      ? (ago ?? "").replace("{}", String(seconds < 90 ? seconds : Math.round(seconds / 60)))
      : shown.dataset[`${state}Text`] ?? "";
  }
}
