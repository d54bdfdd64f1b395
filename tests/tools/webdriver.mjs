// A small client of the W3C WebDriver protocol, for the browsers that Playwright cannot drive as distributions ship them:
// Firefox through geckodriver, WebKitGTK through WebKitWebDriver under a virtual display.
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { find, findMiniBrowser } from "./browsers.mjs";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

const kinds = {
  firefox: {
    command: (port) => [need("geckodriver"), "--port", String(port)],
    capabilities: () => ({ "moz:firefoxOptions": { binary: need("firefox"), args: ["-headless"] } }),
  },
  webkit: {
    command: (port) => [need("xvfb"), "-a", need("webkitdriver"), `--port=${port}`],
    capabilities: () => ({ "webkitgtk:browserOptions": { binary: findMiniBrowser(), args: ["--automation"] } }),
  },
};

function need(name) {
  const file = find(name);
  if (!file) throw new Error(`${name} is not installed`);
  return file;
}

/** One browser, with one window at first. `scriptTimeout` bounds asynchronous scripts, in milliseconds. */
export class Browser {
  #driver;
  #session;

  static async start(kind, { scriptTimeout = 300_000 } = {}) {
    const browser = new Browser();
    const port = await freePort();
    const [command, ...args] = kinds[kind].command(port);
    // A process group of its own, so that the virtual display ends with it.
    browser.#driver = spawn(command, args, { stdio: "ignore", detached: true });
    const base = `http://127.0.0.1:${port}`;
    try {
      await untilReady(base, browser.#driver);
      const { sessionId } = await call("POST", `${base}/session`, {
        capabilities: { alwaysMatch: kinds[kind].capabilities() },
      });
      browser.#session = `${base}/session/${sessionId}`;
      await browser.#post("timeouts", { script: scriptTimeout, pageLoad: 60_000 });
      return browser;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  #post(path, body = {}) {
    return call("POST", `${this.#session}/${path}`, body);
  }

  goto = (url) => this.#post("url", { url });
  reload = () => this.#post("refresh");
  title = () => call("GET", `${this.#session}/title`);

  /**
   * Runs `body`, the text of an async function over `args`, in the page and returns what it resolves to. An error of
   * the page is thrown here.
   */
  async evaluate(body, ...args) {
    const script = `
      const done = arguments[arguments.length - 1];
      (async (...args) => { ${body} })(...Array.prototype.slice.call(arguments, 0, -1)).then(
        (value) => done({ value }),
        (error) => done({ error: String(error), code: error?.code, stack: error?.stack }),
      );`;
    const { value, error, code, stack } = await this.#post("execute/async", { script, args });
    if (error) throw Object.assign(new Error(`in the page: ${error}\n${stack ?? ""}`), { code });
    return value;
  }

  /** The current tab, for {@link Browser.switchTo}. */
  tab = () => call("GET", `${this.#session}/window`);
  switchTo = (handle) => this.#post("window", { handle });
  closeTab = () => call("DELETE", `${this.#session}/window`);

  /** Opens a tab and goes there. */
  async newTab() {
    const { handle } = await this.#post("window/new", { type: "tab" });
    await this.switchTo(handle);
    return handle;
  }

  async #element(css) {
    const found = await this.#post("element", { using: "css selector", value: css });
    return `element/${found[ELEMENT]}`;
  }

  click = async (css) => this.#post(`${await this.#element(css)}/click`);
  type = async (css, text) => this.#post(`${await this.#element(css)}/value`, { text });
  text = async (css) => call("GET", `${this.#session}/${await this.#element(css)}/text`);

  async close() {
    if (this.#session) await call("DELETE", this.#session).catch(() => {});
    const ended = new Promise((done) => this.#driver.once("exit", done));
    if (this.#driver.exitCode === null && this.#driver.pid) {
      try {
        process.kill(-this.#driver.pid, "SIGTERM");
        await ended;
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}

async function call(method, url, body) {
  const response = await fetch(url, {
    method,
    body: body && JSON.stringify(body),
    headers: body && { "Content-Type": "application/json" },
    // Asynchronous scripts have their own limit, in the driver.
    signal: AbortSignal.timeout(1_800_000),
  });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`WebDriver: ${value.error}: ${value.message}`);
  return value;
}

async function untilReady(base, driver) {
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    if (driver.exitCode !== null) throw new Error(`the WebDriver server ended with status ${driver.exitCode}`);
    try {
      const { ready } = await call("GET", `${base}/status`);
      if (ready) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error("the WebDriver server did not start within 30 s");
}

function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed).listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
