// The one error type, and how it crosses between threads: as a plain object with a code.

/** What a caller can tell apart. The names are stable. */
export const ERROR_CODES = [
  "NotFound",
  "Corrupt",
  "FormatTooOld",
  "FormatTooNew",
  "QuotaExceeded",
  "Locked",
  "ConnectionLost",
  "Aborted",
  "LimitExceeded",
  "ModelMismatch",
  "InvalidInput",
  "Unsupported",
  "Network",
  "Integrity",
  "Internal",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * Every error that Nearfield throws. `code` is stable and meant for programs, `message` for people: it says what
 * failed, on which thing, and with which numbers. `name` is `"AbortError"` when the caller's signal was raised, as in
 * the rest of the web platform, and `"NearfieldError"` otherwise.
 */
export class NearfieldError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = code === "Aborted" ? "AbortError" : "NearfieldError";
    this.code = code;
  }
}

/** An error as it travels in a message. */
export interface WireError {
  code: ErrorCode;
  message: string;
  /** Where it was thrown, for the console. */
  stack?: string | undefined;
  /** The thread that threw it can no longer be trusted: its WebAssembly instance stopped in the middle of something. */
  fatal?: boolean | undefined;
}

const isCode = (code: unknown): code is ErrorCode => (ERROR_CODES as readonly unknown[]).includes(code);

const DOM_CODES: Record<string, ErrorCode> = {
  AbortError: "Aborted",
  QuotaExceededError: "QuotaExceeded",
  DataCloneError: "InvalidInput",
};

/** A trap (`unreachable`, out of memory, out of bounds) leaves an instance half-way through whatever it was doing. */
export const isTrap = (error: unknown): boolean =>
  typeof WebAssembly === "object" && error instanceof WebAssembly.RuntimeError;

/** Any thrown value as a NearfieldError. Errors of the wasm module carry the same codes. */
export function toError(thrown: unknown): NearfieldError {
  if (thrown instanceof NearfieldError) return thrown;
  if (!(thrown instanceof Error)) return new NearfieldError("Internal", String(thrown), { cause: thrown });
  if (isTrap(thrown)) {
    const message = `the engine stopped: ${thrown.message} (out of memory, or a bug; the console may say more)`;
    return new NearfieldError("Internal", message, { cause: thrown });
  }
  const { code } = thrown as { code?: unknown };
  if (isCode(code)) return new NearfieldError(code, withoutCode(code, thrown.message), { cause: thrown });
  return new NearfieldError(DOM_CODES[thrown.name] ?? "Internal", thrown.message || thrown.name, { cause: thrown });
}

export function toWire(thrown: unknown): WireError {
  const { code, message, stack, cause } = toError(thrown);
  return { code, message, stack, fatal: isTrap(thrown) || isTrap(cause) };
}

export function fromWire({ code, message, stack }: WireError): NearfieldError {
  return new NearfieldError(isCode(code) ? code : "Internal", message, stack ? { cause: stack } : undefined);
}

/** The error for a raised signal; a reason that is not an error of ours becomes the cause. */
export function aborted(signal?: AbortSignal): NearfieldError {
  if (signal?.reason instanceof NearfieldError) return signal.reason;
  return new NearfieldError("Aborted", "aborted by the caller", { cause: signal?.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

export const invalid = (message: string): NearfieldError => new NearfieldError("InvalidInput", message);

function withoutCode(code: string, message: string): string {
  return message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
}
