// The time in the top bar, and ages of things ("2 phút") that stay true while the page stands open.
export function clock(): void {
  tick();
  window.setInterval(tick, 5000);
}

function tick(): void {
  const now = new Date();
  for (const element of document.querySelectorAll("[data-clock]")) {
    element.textContent = now.toLocaleTimeString("vi-VN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Ho_Chi_Minh" });
  }
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-since]")) {
    const minutes = Math.max(0, Math.floor((now.getTime() - Date.parse(element.dateTime)) / 60000));
    element.textContent = (element.dataset.since || "{}").replace("{}", String(minutes));
  }
}
