// The browser's own translator, where it has one: what is asked in another language is asked in English, too.

/**
 * @template T
 * @typedef {{ availability: (options?: object) => Promise<string>, create: (options?: object) => Promise<T> }} Model
 */
/**
 * @typedef {{ translate: (text: string, options?: object) => Promise<string> }} Translation
 * @typedef {{ detect: (text: string, options?: object) => Promise<{ detectedLanguage: string }[]> }} Detection
 * @typedef {{ Translator?: Model<Translation>, LanguageDetector?: Model<Detection> }} BuiltIn
 */

const TARGET = "en";

/** @returns {BuiltIn} */
const builtIn = () => /** @type {any} */ (globalThis);

/** Browsers that have a translator may lack what it works with. */
export async function canTranslate() {
  const { Translator, LanguageDetector } = builtIn();
  if (!Translator || !LanguageDetector) return false;
  const pair = { sourceLanguage: "de", targetLanguage: TARGET };
  const found = await Promise.all([LanguageDetector.availability(), Translator.availability(pair)]).catch(() => ["unavailable"]);
  return !found.includes("unavailable");
}

/** Nothing for a question that is in English, or in no language that is recognised. @type {import("../pkg/nearfield.js").Translate} */
export async function translate(query, { signal } = {}) {
  const { Translator, LanguageDetector } = builtIn();
  if (!Translator || !LanguageDetector) throw new Error("this browser has no translator");
  const detector = await LanguageDetector.create();
  const [best] = await detector.detect(query, { signal });
  const source = best?.detectedLanguage;
  if (!source || source === "und" || source === TARGET) return "";
  const translator = await Translator.create({ sourceLanguage: source, targetLanguage: TARGET });
  return translator.translate(query, { signal });
}
