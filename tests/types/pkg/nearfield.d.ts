// The demo imports "./pkg/nearfield.js", which exists only when it is served: for checking its types, this stands there.
export * from "../../../src/js/index.js";
