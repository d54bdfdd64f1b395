// WebGPU for measurements: with the computer's own GPU where Chromium finds one, else on a software adapter, which
// computes the same on the processor. What it computes counts there; how long it takes means nothing.
import { openPage } from "./fixture.mjs";

/** Flags of Chromium for either. */
export const SOFTWARE = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const VULKAN = ["--ignore-gpu-blocklist", "--use-angle=vulkan", "--enable-features=Vulkan", "--disable-vulkan-surface"];
const HARDWARE = ["--enable-unsafe-webgpu", ...(process.platform === "linux" ? VULKAN : [])];

/** Runs in a page: what the browser says of the adapter that Nearfield asks for, or undefined where there is none. */
export async function adapter() {
  const found = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!found) return undefined;
  const { vendor, architecture, device, description, isFallbackAdapter } = found.info;
  const software = isFallbackAdapter === true || architecture === "swiftshader";
  return { vendor, architecture, device, description, software, features: [...found.features].sort() };
}

/** The flags that give Chromium a GPU here. Opens a browser to find out. */
export async function webgpuArgs() {
  const { page, close } = await openPage({ args: HARDWARE });
  try {
    const found = await page.evaluate(adapter);
    return found && !found.software ? HARDWARE : SOFTWARE;
  } finally {
    await close();
  }
}

/** Features that kernels could make use of; the others are for drawing. */
const OF_USE = ["shader-f16", "subgroups", "timestamp-query"];

/** An adapter in one line. */
export function described({ vendor, architecture, device, description, software, features }) {
  const known = [vendor, architecture, device, description].filter(Boolean).join(", ") || "an adapter of which the browser says nothing";
  const useful = OF_USE.map((name) => `${features.includes(name) ? "with" : "without"} ${name}`).join(", ");
  return `${known}${software ? " (software: no GPU)" : ""}, ${useful}`;
}
