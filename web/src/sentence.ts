/**
 * The operator's sentences in the reader's language and time zone. They come in English with times in UTC; each form
 * of `decide/why.rs` has one line here, and a form that is not known is shown as it came.
 */
import { clock, lang, span } from "./lang";
import spanishWords from "./spanish.json";

/**
 * `@1` in the Spanish is the first group; groups that are times of day become local ones. The command line reads the
 * same table.
 */
const LINES = spanishWords.sentences.map(([form, words]) => [new RegExp(form!), words!] as const);

/** A sentence of the operator for the reader, and whether it is in the reader's language. `near` tells the day. */
export function sentence(text: string, near: number): { text: string; known: boolean } {
  const said = say(text, near, lang() === "es");
  // A line must not break inside `5 → 7`.
  return { text: (said ?? text).replace(/(\d) → (\d)/g, "$1\u00a0→\u00a0$2"), known: said !== null };
}

function say(text: string, near: number, spanish: boolean): string | null {
  for (const [form, words] of LINES) {
    const found = form.exec(text);
    if (!found) continue;
    const parts = found.slice(1).map((part) => local(part, near) ?? (spanish ? spelled(part) : null) ?? say(part, near, spanish) ?? part);
    if (spanish) return words.replace(/@(\d)/g, (_, n: string) => parts[Number(n) - 1] ?? "");
    // In English only the times change: each group is replaced where it stands.
    let [out, from] = ["", 0];
    found.slice(1).forEach((part, i) => {
      const at = text.indexOf(part, from);
      out += text.slice(from, at) + (parts[i] ?? "");
      from = at + part.length;
    });
    return out + text.slice(from);
  }
  return null;
}

/** A step of the trail: names and numbers stay, times become the reader's, and the few words are said in Spanish. */
export function step(text: string, near: number): string {
  const timed = text.replace(/\b\d\d:\d\d:\d\d\b/g, (time) => local(time, near) ?? time);
  if (lang() === "en") return timed;
  return spanishWords.steps.reduce((said, [english, spanish]) => said.replaceAll(english!, spanish!), timed);
}

/** A time of day in UTC as the reader's own clock says it. */
function local(text: string, near: number): string | null {
  const found = /^(\d\d):(\d\d):(\d\d)$/.exec(text);
  if (!found) return null;
  const [h, m, s] = found.slice(1).map(Number) as [number, number, number];
  return clock(new Date(near).setUTCHours(h, m, s, 0));
}

/** `1h30m` as the page says it elsewhere. */
function spelled(text: string): string | null {
  const found = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  const [h, m, s] = (found ?? []).slice(1).map((n) => Number(n ?? 0));
  return text && found ? span(h! * 3600 + m! * 60 + s!) : null;
}

/** The number of workers that a sentence speaks of, `5 → 7`. */
export function wants(text: string): [number, number] | null {
  const found = /(\d+) → (\d+) workers/.exec(text);
  return found ? [Number(found[1]), Number(found[2])] : null;
}
