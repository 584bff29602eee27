// The page's texts, in the language of the browser. They come from crates/messages/locales by way of catalogue.js.
import CATALOGUE from "/catalogue.js";

/** @typedef {keyof typeof CATALOGUE.en} TextKey */
/** @typedef {{by: string, other: string} & Partial<Record<Intl.LDMLPluralRule, string>>} Plural a text for each plural category of the value `by` */
/** @typedef {string | Plural} Text */

/** @type {Record<string, Record<TextKey, Text>>} */
const LANGUAGES = CATALOGUE;

const wanted = navigator.language.toLowerCase().split("-")[0] ?? "";
export const LANG = wanted in LANGUAGES ? wanted : "en";
const TEXTS = LANGUAGES[LANG] ?? CATALOGUE.en;
const plural = new Intl.PluralRules(LANG);

/**
 * A text with its values in place of the names in braces.
 * @param {TextKey} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = TEXTS[key];
  const chosen = typeof text === "string" ? text : text[plural.select(Number(values[text.by]))] ?? text.other;
  return chosen.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Puts the texts into the page's elements with data-t. */
export function translatePage() {
  document.documentElement.lang = LANG;
  document.title = `WorkerPool: ${t("title")}`;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(/** @type {TextKey} */ (element.getAttribute("data-t")));
  }
}

/**
 * Seconds with one decimal, as the language writes them.
 * @param {number} ms
 */
export function seconds(ms) {
  return `${decimal(ms / 1000)} s`;
}

/**
 * A number with one decimal.
 * @param {number} value
 */
export function decimal(value) {
  return value.toLocaleString(LANG, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
