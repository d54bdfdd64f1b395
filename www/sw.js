// Keeps the application's own files, so that the page opens without a network. The network comes first: what was
// rebuilt is seen at the next load, and the copy answers only where the network does not. Models are not kept here;
// the library has a cache of its own for them.

/** Change it when the list below changes. */
const CACHE = "nearfield-demo-6";

const FILES = [
  "./",
  "app.js",
  "gpu.html",
  "gpu.js",
  "icon.svg",
  "manifest.webmanifest",
  "styles/adding.css",
  "styles/answer.css",
  "styles/colours.css",
  "styles/compare.css",
  "styles/controls.css",
  "styles/dialogs.css",
  "styles/frame.css",
  "styles/gpu.css",
  "styles/ground.css",
  "styles/library.css",
  "styles/narrow.css",
  "styles/question.css",
  "theme.js",
  "lib/choices.js",
  "lib/comparing.js",
  "lib/devices.js",
  "lib/dom.js",
  "lib/errors.js",
  "lib/excerpt.js",
  "lib/files.js",
  "lib/format.js",
  "lib/indexing.js",
  "lib/library.js",
  "lib/sample.js",
  "lib/searching.js",
  "lib/settings.js",
  "lib/shelf.js",
  "lib/state.js",
  "lib/translating.js",
  "lib/trusted.js",
  "lib/words.js",
  "lib/writing.js",
  "views/adding.js",
  "views/choices.js",
  "views/compare.js",
  "views/confirm.js",
  "views/engine.js",
  "views/job.js",
  "views/keyboard.js",
  "views/library.js",
  "views/marked.js",
  "views/notices.js",
  "views/prompt.js",
  "views/reader.js",
  "views/reasons.js",
  "views/results.js",
  "views/search.js",
  "views/theme.js",
  "views/timings.js",
  "pkg/nearfield.js",
  "pkg/worker.js",
];

/** Which of the two is used depends on the browser; one that is missing is no error. */
const OPTIONAL = ["pkg/nearfield.wasm", "pkg/nearfield-relaxed.wasm"];

const scope = new URL(self.registration.scope);
const keep = [...FILES, ...OPTIONAL].map((path) => new URL(path, scope).href);

self.addEventListener("install", (event) => {
  event.waitUntil(install());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  url.search = url.hash = "";
  if (request.method === "GET" && keep.includes(url.href)) event.respondWith(answer(request, url.href));
});

async function install() {
  const cache = await caches.open(CACHE);
  const fresh = (path) => new Request(new URL(path, scope), { cache: "no-cache" });
  await cache.addAll(FILES.map(fresh));
  await Promise.all(OPTIONAL.map((path) => cache.add(fresh(path)).catch(() => {})));
  await self.skipWaiting();
}

async function activate() {
  const old = (await caches.keys()).filter((name) => name.startsWith("nearfield-demo-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** From the network, asked whether it has something newer; else from the copy. */
async function answer(request, key) {
  const cache = await caches.open(CACHE);
  try {
    // A page's own request cannot be made anew with other settings, so it is asked for by address.
    const response = await fetch(request.mode === "navigate" ? request.url : request, { cache: "no-cache" });
    if (response.ok) await cache.put(key, response.clone());
    return response;
  } catch (error) {
    const copy = await cache.match(key);
    if (copy) return copy;
    throw error;
  }
}
