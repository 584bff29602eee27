/**
 * Text for people: a code with its parameters becomes a sentence of the reader's language. The texts are those of
 * crates/messages/locales, which the operator and the kubectl plugin read, too; the rules are those of its `Catalogue`.
 */
import { FluentBundle, FluentNumber, type FluentResource, type FluentValue } from "@fluent/bundle";

/** Numbers, foreign texts, and codes with parameters of their own. Spans in milliseconds, instants since 1970. */
export type Params = Record<string, unknown>;
export interface Encoded { code: string; params?: Params }
/** Why the replica count is what it is, with the English message for a reason that the page does not know. */
export interface Explanation { reason: string; params?: Params; from: number; to: number; message: string }

/** The file of each language, parsed by vite.config.ts and loaded when the language is chosen. */
const FILES = import.meta.glob<FluentResource["body"]>("../../crates/messages/locales/*.ftl", { import: "default" });
const path = (code: string) => `../../crates/messages/locales/${code}.ftl`;

/** The codes of the languages, English first. */
export const LANGUAGES = Object.keys(FILES).map((file) => file.slice(path("").length - 4, -4)).sort((a, b) => +(b === "en") - +(a === "en") || (a < b ? -1 : 1));

let bundle = new FluentBundle("en");

/** Loads the language of a code such as `es-MX`, or else English; returns its code. */
export async function loadLanguage(code: string): Promise<string> {
  const wanted = code.toLowerCase().split("-")[0]!;
  const found = LANGUAGES.includes(wanted) ? wanted : "en";
  const next = new FluentBundle(found, { useIsolating: false, functions: { TIME: ([at]) => formatTime(Number(at)), SPAN: ([millis]) => formatSpan(Number(millis)) } });
  next.addResource({ body: await FILES[path(found)]!() });
  bundle = next;
  return found;
}

export function language(): string {
  return bundle.locales[0]!;
}

/** The text of `key`; `null` if the language lacks it, or if a parameter is missing. The first attribute whose parameters are all there takes its place. */
export function text(key: string, params: Params = {}): string | null {
  const message = bundle.getMessage(key);
  if (!message) return null;
  const attribute = Object.entries(message.attributes ?? {}).find(([name]) => name.split("-").every((part) => part in params));
  const pattern = attribute?.[1] ?? message.value;
  if (!pattern) return null;
  const values: Record<string, FluentValue> = { moves: moves(params) };
  for (const [name, value] of Object.entries(params)) {
    const known = argument(name, value, params);
    if (known === null) return null;
    values[name] = known;
  }
  const errors: Error[] = [];
  const formatted = bundle.formatPattern(pattern, values, errors);
  return errors.length ? null : formatted;
}

/** The message of a change, and whether it is in the reader's language. */
export function explain({ reason, params, from, to, message }: Explanation): { text: string; known: boolean } {
  const known = text(`reason-${reason}`, { from, to, ...params });
  // A line must not break inside `5 → 7`.
  return { text: (known ?? message).replaceAll(" → ", "\u00a0→\u00a0"), known: known !== null };
}

/** Name and detail of a step; what the operator wrote, if the page does not know it. */
export function stepText({ name, detail, code, params }: { name: string; detail: string } & Encoded): [name: string, detail: string] {
  return [text(`name-${code}`, params) ?? name, text(`step-${code}`, params) ?? detail];
}

/** A parameter of a text. One that has parameters itself is a text: with a code, that of `name-code`. */
function argument(name: string, value: unknown, params: Params): FluentValue | null {
  if (typeof value === "number") return new FluentNumber(value, { useGrouping: false });
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (!value || typeof value !== "object") return String(value ?? "");
  const { [name]: _, ...outer } = params;
  const { code, params: own } = value as Partial<Encoded>;
  const key = code ? `${name}-${code}` : name;
  return text(key, { ...outer, ...(code ? own : (value as Params)) });
}

function moves(params: Params): string {
  return params.from === params.to ? "no" : (["unguarded", "refused", "unmatched"].find((why) => why in params) ?? "yes");
}

/** `250 ms`, `1.5 s`, `45 s`, `2 min 10 s`, `1 h 5 min`: the two largest units, and a fraction only below 10 s. */
export function formatSpan(span: number): string {
  const millis = Math.max(0, Math.floor(span));
  const seconds = Math.floor(millis / 1000);
  if (!seconds && millis) return `${millis} ms`;
  if (seconds < 10 && millis % 1000 >= 100) return `${seconds}.${Math.floor((millis % 1000) / 100)} s`;
  const units: [number, string][] = [[Math.floor(seconds / 86_400), "d"], [Math.floor(seconds / 3600) % 24, "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
  const largest = units.findIndex(([n]) => n);
  if (largest < 0) return "0 s";
  return units.slice(largest, largest + 2).filter(([n]) => n).map(([n, unit]) => `${n} ${unit}`).join(" ");
}

/** The local time of day, `09:16:05`. */
export function formatTime(millis: number, seconds = true): string {
  const at = new Date(millis);
  const parts = [at.getHours(), at.getMinutes(), ...(seconds ? [at.getSeconds()] : [])];
  return parts.map((n) => String(n).padStart(2, "0")).join(":");
}
