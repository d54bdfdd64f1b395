// Opens a page in a browser of choice and leaves it running: Chromium by Playwright, the others by WebDriver.
import { openPage } from "./fixture.mjs";
import { Browser } from "./webdriver.mjs";
import { serve } from "./serve.mjs";

/** `closed` resolves when the page has crashed or the browser was closed from outside. */
export async function launch(kind, { mounts, path, intercept, args }) {
  if (kind === "chromium") {
    const { page, close, problems } = await openPage({ mounts, path, intercept, args });
    const closed = new Promise((done) => {
      page.on("crash", () => done("the page crashed"));
      page.on("close", () => done("the page was closed"));
    });
    return { close, closed, problems };
  }
  const site = await serve(mounts, { intercept });
  const browser = await Browser.start(kind);
  await browser.goto(site.url + path);
  return {
    closed: new Promise(() => {}),
    problems: [],
    close: async () => {
      await browser.close();
      await site.close();
    },
  };
}
