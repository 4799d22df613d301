// Keeps the page for a visit without a connection. Models keep themselves (model.js).

const CACHE = "rmbg-fast-page-1";
const CORE = new URL(location.href).searchParams.get("core"); // the .wasm file of this browser
const FILES = [
  ...["./", "page.css", "page.js", "models.js", "queue.js", "files.js", "view.js", "icon.svg", "models.json"],
  ...["rmbg-fast.js", "core.js", "errors.js", "model.js", "picture.js", "thread.js", "worker.js", CORE],
];

addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()));
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || request.url.endsWith(".rmbg")) return;
  event.respondWith(answer(request));
});

// What the server says, and where it says nothing, what it said last.
async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const fresh = await fetch(request);
    if (fresh.ok) await cache.put(request, fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
