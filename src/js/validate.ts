// What callers hand in is checked here, at the border, before any thread is involved: the error names the place and
// the value, and a misspelt option is found instead of silently ignored.

import { invalid } from "./errors.js";
import type { Document } from "./types.js";

/** Throws InvalidInput unless `value` is acceptable at `path`. `undefined` never reaches a check of an object's field. */
export type Check = (value: unknown, path: string) => void;

const show = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
};

const wrong = (path: string, value: unknown, expected: string) => invalid(`${path} is ${show(value)}, expected ${expected}`);

const test =
  (accepts: (value: unknown) => boolean, expected: string): Check =>
  (value, path) => {
    if (!accepts(value)) throw wrong(path, value, expected);
  };

export const isString = test((v) => typeof v === "string", "a string");
export const isBoolean = test((v) => typeof v === "boolean", "true or false");
export const isFunction = test((v) => typeof v === "function", "a function");
export const isSignal = test((v) => v instanceof AbortSignal, "an AbortSignal");
export const isArray = test((v) => Array.isArray(v), "an array");
export const isPlain = test((v) => isObject(v), "an object");

export const isNumber = (low: number, { integer = false } = {}): Check =>
  test(
    (v) => typeof v === "number" && Number.isFinite(v) && v >= low && (!integer || Number.isInteger(v)),
    `${integer ? "an integer" : "a number"} of at least ${low}`,
  );
export const isCount = isNumber(0, { integer: true });
export const isPositive = isNumber(1, { integer: true });

export const isOneOf = (...names: string[]): Check =>
  test((v) => names.includes(v as string), names.map((name) => `"${name}"`).join(" or "));

export const isStrategy = isOneOf("none", "tokens", "sentences", "recursive", "markdown", "html");

/** At least one of the checks passes. */
export const isAny = (expected: string, ...checks: Check[]): Check =>
  test((value) => checks.some((check) => passes(check, value)), expected);

/** A plain object whose fields are all known; each that is not undefined passes its check. */
export const isShape =
  (fields: Record<string, Check>): Check =>
  (value, path) => {
    if (!isObject(value)) throw wrong(path, value, "an object");
    for (const [key, field] of Object.entries(value)) {
      const check = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (!check) throw invalid(`${path} has no option "${key}": known are ${Object.keys(fields).join(", ")}`);
      if (field !== undefined) check(field, `${path}.${key}`);
    }
  };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const passes = (check: Check, value: unknown): boolean => {
  try {
    check(value, "");
    return true;
  } catch {
    return false;
  }
};

/**
 * Text that UTF-8 can hold: a lone surrogate (half of a character, as `slice` can leave it) becomes U+FFFD, which has
 * the same length, so UTF-16 offsets stay what they were.
 */
export function wellFormed(text: string): string {
  const native = (text as { toWellFormed?: () => string }).toWellFormed;
  return native ? native.call(text) : text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** Text as an argument: a string, made well-formed. */
export function textArgument(value: unknown, path: string): string {
  isString(value, path);
  return wellFormed(value as string);
}

export function textsArgument(value: unknown, path: string): string[] {
  if (!Array.isArray(value)) throw wrong(path, value, "an array of strings");
  return value.map((text, index) => textArgument(text, `${path}[${index}]`));
}

const DOCUMENT_FIELDS = ["id", "text", "title", "url", "meta", "language", "strategy"];

/** A document as it is sent to the engine: its known fields, with well-formed strings. */
export function documentArgument(value: unknown, path: string): Document {
  if (!isObject(value)) throw wrong(path, value, "a document { id, text, title?, url?, meta?, language?, strategy? }");
  for (const key of Object.keys(value)) {
    if (DOCUMENT_FIELDS.includes(key)) continue;
    throw invalid(`${path} has a field "${key}": fields of your own go into meta`);
  }
  const { id, text, title, url, meta, language, strategy } = value;
  if (id === "") throw invalid(`${path}.id is empty`);
  if (strategy !== undefined) isStrategy(strategy, `${path}.strategy`);
  return {
    id: textArgument(id, `${path}.id`),
    text: textArgument(text, `${path}.text`),
    ...(title !== undefined && { title: textArgument(title, `${path}.title`) }),
    ...(url !== undefined && { url: textArgument(url, `${path}.url`) }),
    ...(meta !== undefined && { meta: metaArgument(meta, `${path}.meta`) as Document["meta"] }),
    ...(language !== undefined && { language: textArgument(language, `${path}.language`) }),
    ...(strategy !== undefined && { strategy: strategy as Document["strategy"] }),
  };
}

/** Metadata: JSON values only, so that what is stored is what was given. */
export function metaArgument(value: unknown, path: string): unknown {
  if (!isObject(value)) throw wrong(path, value, "an object");
  return metaValue(value, path, 0);
}

const META_DEPTH = 16;

function metaValue(value: unknown, path: string, depth: number): unknown {
  if (depth > META_DEPTH) throw invalid(`${path} is nested more than ${META_DEPTH} deep`);
  switch (typeof value) {
    case "string":
      return wellFormed(value);
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      break;
    case "object": {
      if (value === null) return null;
      if (Array.isArray(value)) return value.map((item, index) => metaValue(item, `${path}[${index}]`, depth + 1));
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) break;
      const entries = Object.entries(value).filter(([, field]) => field !== undefined);
      return Object.fromEntries(
        entries.map(([key, field]) => [wellFormed(key), metaValue(field, `${path}.${key}`, depth + 1)]),
      );
    }
  }
  throw wrong(path, value, "a JSON value (string, finite number, boolean, null, list or object)");
}
