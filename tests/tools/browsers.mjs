// Which browsers and WebDriver servers this computer has. An environment variable overrides each.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { tools } from "./paths.mjs";
import { which } from "./process.mjs";

const places = {
  chromium: {
    variable: "CHROMIUM",
    names: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"],
    files: [
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ],
  },
  chromedriver: { variable: "CHROMEDRIVER", names: ["chromedriver"], files: [] },
  firefox: {
    variable: "FIREFOX",
    names: ["firefox-esr", "firefox"],
    files: ["/Applications/Firefox.app/Contents/MacOS/firefox"],
  },
  geckodriver: { variable: "GECKODRIVER", names: ["geckodriver"], files: [] },
  webkitdriver: { variable: "WEBKITDRIVER", names: ["WebKitWebDriver"], files: [] },
  xvfb: { variable: "XVFB_RUN", names: ["xvfb-run"], files: [] },
};

/** The path of a browser or driver (a key of `places`), or undefined. */
export function find(name) {
  const { variable, names, files } = places[name];
  const set = process.env[variable];
  if (set) return set;
  const path = [join(tools, "bin"), process.env.PATH].join(delimiter);
  for (const program of names) {
    const file = which(program, path);
    if (file) return file;
  }
  return files.find(existsSync);
}

/** WebKitGTK's own small browser, which its WebDriver starts. */
export function findMiniBrowser() {
  const folders = ["x86_64-linux-gnu", "aarch64-linux-gnu", ""].map((triple) => join("/usr/lib", triple));
  const versions = ["webkit2gtk-4.1", "webkitgtk-6.0", "webkit2gtk-4.0"];
  return folders.flatMap((folder) => versions.map((api) => join(folder, api, "MiniBrowser"))).find(existsSync);
}

/** The Debian packages that provide each. */
export const PACKAGES = {
  chromium: ["chromium"],
  chromedriver: ["chromium-driver"],
  firefox: ["firefox-esr"],
  webkitdriver: ["webkit2gtk-driver", "libgl1-mesa-dri"],
  xvfb: ["xvfb", "xauth"],
};

/** Flags under which Chromium runs quietly on a test machine; its sandbox cannot be used as root. */
export function chromiumArgs() {
  const quiet = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
  ];
  return process.getuid?.() === 0 ? ["--no-sandbox", ...quiet] : quiet;
}
