// onnxruntime-web on the GPU; what its provider there has no kernels for, it computes on the processor.
import * as ort from "onnxruntime-web/webgpu";
import { contend } from "./onnx.mjs";

contend(ort, "webgpu");
