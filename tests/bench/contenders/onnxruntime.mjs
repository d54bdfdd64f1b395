// onnxruntime-web on the processor.
import * as ort from "onnxruntime-web/wasm";
import { contend } from "./onnx.mjs";

contend(ort, "wasm");
