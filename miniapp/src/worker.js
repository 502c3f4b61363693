// Files have hashed names: what is kept is true for ever. Only the page itself is asked of the network first.
const NAME = "benhan-VERSION";
const KEPT = FILES;
const ROOT = new URL("./", self.location);

self.addEventListener("install", (event) => event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(KEPT.map(address)))));
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
self.addEventListener("fetch", (event) => {
  const asked = new URL(event.request.url);
  if (event.request.method !== "GET" || !asked.href.startsWith(ROOT.href)) return;
  if (event.request.mode === "navigate") event.respondWith(page(event.request));
  else if (KEPT.includes(asked.pathname.slice(ROOT.pathname.length))) event.respondWith(file(event.request));
});

function address(name) {
  return name === "index.html" ? ROOT.href : new URL(name, ROOT).href;
}

async function page(request) {
  try {
    return await fetch(request);
  } catch (lost) {
    const kept = await caches.match(ROOT.href);
    if (kept) return kept;
    throw lost;
  }
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}

async function forgetOthers() {
  for (const name of await caches.keys()) if (name.startsWith("benhan-") && name !== NAME) await caches.delete(name);
  await self.clients.claim();
}
