// How the GPU's module is reached: a file of its own, loaded when a GPU comes into question.

import type { OpenGpu } from "./gpu.js";

export const loadGpu: OpenGpu = async (options) => (await import("./gpu.js")).openGpu(options);
