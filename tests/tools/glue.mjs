// One JavaScript glue for several builds of the same source. wasm-bindgen numbers some exports by their place in the
// table of functions, which differs between builds; here they are numbered by their order in the glue, in the glue as
// in the module.

const NUMBERED = /__wasm_bindgen_func_elem_\d+/g;
/** Says where a closure came from, by its number in this build. */
const ORIGIN = /^\s*\/\/ Cast intrinsic for .*$/gm;
const EXPORTS = 7;

/** `{ glue, module }` with names that depend on the interface alone. */
export function canonical({ glue, module }) {
  const names = new Map();
  for (const [name] of glue.matchAll(NUMBERED)) {
    if (!names.has(name)) names.set(name, `__wasm_bindgen_func_elem_n${names.size}`);
  }
  return {
    glue: glue.replace(ORIGIN, "").replace(NUMBERED, (name) => names.get(name)),
    module: renameExports(module, names),
  };
}

/** The module with other names in its export section; everything else as it is. */
function renameExports(module, names) {
  const parts = [module.subarray(0, 8)];
  for (let at = 8; at < module.length; ) {
    const size = readLeb(module, at + 1);
    const end = size.next + size.value;
    const section = module.subarray(size.next, end);
    parts.push(module[at] === EXPORTS ? encodeSection(renamed(section, names)) : module.subarray(at, end));
    at = end;
  }
  return Buffer.concat(parts);
}

function renamed(section, names) {
  const count = readLeb(section, 0);
  const parts = [section.subarray(0, count.next)];
  for (let at = count.next; at < section.length; ) {
    const length = readLeb(section, at);
    const end = length.next + length.value;
    const name = Buffer.from(section.subarray(length.next, end)).toString("utf8");
    const bytes = Buffer.from(names.get(name) ?? name, "utf8");
    const index = readLeb(section, end + 1); // after the kind
    parts.push(writeLeb(bytes.length), bytes, section.subarray(end, index.next));
    at = index.next;
  }
  return Buffer.concat(parts);
}

const encodeSection = (body) => Buffer.concat([Buffer.from([EXPORTS]), writeLeb(body.length), body]);

function readLeb(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value, next: at };
  }
}

function writeLeb(value) {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}
