// A page on which the package is loaded, for tests of the public interface in a real browser.
import { after } from "node:test";
import { openPage } from "../../tools/fixture.mjs";

/** Runs in the page: what the tests below use. */
async function prepare() {
  const url = trustedTypes.createPolicy("test", { createScriptURL: (text) => text });
  const workers = [];
  const api = await import("/pkg/nearfield.js");
  /** Every worker that was started, so that a test can kill one. The script may be another than the package's. */
  const factory = (script = "/pkg/worker.js") => () => {
    const worker = new Worker(url.createScriptURL(script), { type: "module" });
    worker.alive = new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
    workers.push(worker);
    return worker;
  };
  /** The code and message of what a promise is rejected with. */
  const failure = async (promise) => {
    try {
      await promise;
      return { code: "none" };
    } catch ({ name, code, message }) {
      return { name, code, message };
    }
  };
  /** Vectors without a model: one dimension for each of some words, so that nearness can be foretold. */
  const words = ["cat", "dog", "sun", "moon", "tea", "rust", "wasm", "index"];
  const embedder = {
    name: "words",
    dims: words.length,
    embed: (texts) => texts.map((text) => words.map((word) => text.toLowerCase().split(word).length - 1 + 0.01)),
  };
  /** Documents of some length about the words, all different. */
  const documents = (count, length = 40) =>
    Array.from({ length: count }, (_, i) => {
      const text = Array.from({ length }, (_, j) => words[(i * 7 + j * (1 + (i % 5))) % words.length]).join(" ");
      return { id: `d${i}`, text: `Number n${i}. ${text}.`, meta: { even: i % 2 === 0, i } };
    });
  /** Longest time in milliseconds for which the page's thread was not free while `work` ran. */
  const longestBlock = async (work) => {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 4);
    await work();
    clearInterval(timer);
    return longest;
  };
  const open = (name, options = {}) => api.open(name, { worker: factory(), ...options });
  window.t = { ...api, api, open, worker: factory(), factory, workers, failure, embedder, documents, longestBlock };
}

export async function ready(page) {
  await page.evaluate(prepare);
}

/** As `openPage`, with `t` in the page. */
export async function openApi(options) {
  const opened = await openPage(options);
  await ready(opened.page);
  /** Another tab of the same browser. */
  const newTab = async () => {
    const tab = await opened.context.newPage();
    await tab.goto(`${opened.site.url}/blank/`);
    await ready(tab);
    return tab;
  };
  const reload = async () => {
    await opened.page.reload();
    await ready(opened.page);
  };
  return { ...opened, newTab, reload };
}

/** The same for all tests of a file; closed after the last. */
export async function openForFile(options) {
  const opened = await openApi(options);
  after(() => opened.close());
  return opened;
}

/** Serves these scripts, by path, before anything else. */
export const scripts = (texts) => (request, response) => {
  const text = texts[request.url];
  if (text === undefined) return false;
  response.setHeader("Content-Type", "text/javascript");
  response.end(text);
  return true;
};
