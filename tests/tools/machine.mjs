// The name under which this computer stands beside what was measured on it.
import { cpus } from "node:os";

export function machine() {
  const [processor] = cpus();
  return `${processor?.model ?? process.arch} x ${cpus().length}`;
}
