// A toast goes away by itself; one that can be undone counts its seconds. Undo is a real form: this only shows the time.
export function toasts(): void {
  document.addEventListener("htmx:afterSettle", start);
  start();
}

function start(): void {
  for (const toast of document.querySelectorAll<HTMLElement>("[data-toast]:not([data-running])")) {
    toast.dataset.running = "";
    const until = Date.now() + 1000 * Number(toast.dataset.toast || 10);
    const tick = window.setInterval(() => {
      const left = Math.ceil((until - Date.now()) / 1000);
      const shown = toast.querySelector("[data-countdown]");
      if (shown) shown.textContent = String(Math.max(left, 0));
      if (left > 0 && toast.isConnected) return;
      window.clearInterval(tick);
      if ("stays" in toast.dataset) toast.querySelector("form")?.remove();
      else toast.remove();
    }, 250);
  }
}
