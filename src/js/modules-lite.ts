// Where the module of the lite build is; it stands in for modules.ts there.

export const moduleUrl = (_relaxed: boolean): URL => new URL("./nearfield.wasm", import.meta.url);

export const HAS_RELAXED = false;
