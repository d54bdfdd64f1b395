// The only scripts that this page starts besides its modules: the package's worker and the service worker. Under
// `require-trusted-types-for 'script'` both need a policy, and this one lets through nothing else.

const PACKAGE_WORKER = new URL("../pkg/worker.js", import.meta.url).href;
const SERVICE_WORKER = new URL("../sw.js", import.meta.url).href;

/** @param {string} url */
function createScriptURL(url) {
  if (url !== PACKAGE_WORKER && url !== SERVICE_WORKER) throw new TypeError(`not a script of this application: ${url}`);
  return url;
}

/** Not every browser has Trusted Types. @type {{ createPolicy(name: string, rules: object): { createScriptURL(url: string): string } } | undefined} */
const trustedTypes = Reflect.get(globalThis, "trustedTypes");
const policy = trustedTypes?.createPolicy("nearfield-demo", { createScriptURL }) ?? { createScriptURL };

/** For `open({ worker })`. */
export const startWorker = () => new Worker(policy.createScriptURL(PACKAGE_WORKER), { type: "module" });

/** Keeps the application's own files, so that the page opens offline. Rejects where service workers are not allowed. */
export async function registerServiceWorker() {
  if (!("serviceWorker" in navigator)) throw new Error("this browser has no service workers here");
  await navigator.serviceWorker.register(policy.createScriptURL(SERVICE_WORKER), {
    type: "module",
    updateViaCache: "none",
  });
}
