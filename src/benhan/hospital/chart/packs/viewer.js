// The age of the pack keeps true while the page stands open; where a newer pack lies there, the page is fetched anew.
const place = document.getElementById("age");
if (place) {
  const began = performance.now(), before = Number(place.dataset.seconds);
  const show = () => {
    const seconds = before + Math.floor((performance.now() - began) / 1000);
    const minutes = Math.floor(seconds / 60);
    document.getElementById("minutes").textContent = place.dataset.text.replace("{}", String(minutes));
    place.classList.toggle("late", seconds > 300 || seconds < -60);
  };
  const ask = async () => {
    const answer = await fetch("/tuoi").catch(() => null);
    const said = answer && answer.ok ? await answer.json() : {};
    if (said.written && said.written !== place.dataset.written && !document.querySelector("form#door")) location.reload();
  };
  setInterval(show, 5000);
  setInterval(ask, 30000);
}
