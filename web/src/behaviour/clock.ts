// The time in the top bar; ages of things ("2 phút") and what is left of hours, true while the page stands open.
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
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-until]")) {
    const minutes = Math.floor((Date.parse(element.dateTime) - now.getTime()) / 60000);
    element.textContent = minutes < 0 ? element.dataset.over || "0:00" : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
  }
}
