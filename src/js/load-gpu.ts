// How the GPU's module is reached: a file of its own, fetched when a GPU comes into question and there is one.

import { NearfieldError } from "./errors.js";
import type { OpenGpu } from "./gpu.js";

export const loadGpu: OpenGpu = async (options) => {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  if (!gpu) throw new NearfieldError("Unsupported", "this browser has no WebGPU (navigator.gpu)");
  if (!(await gpu.requestAdapter())) {
    throw new NearfieldError("Unsupported", "WebGPU has no adapter here: no GPU, or one that the browser does not trust");
  }
  return (await import("./gpu.js")).openGpu(options);
};
