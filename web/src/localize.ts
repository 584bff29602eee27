/**
 * The operator's messages in the reader's language and time zone. They arrive in English with times in UTC. Each form
 * of `crates/messages/src/reason.rs` has a line in `spanish.json`; a message of an unknown form is shown unchanged.
 */
import { formatTime, formatDuration, language } from "./lang";
import spanish from "./spanish.json";

/**
 * A pattern and its Spanish, in which `@1` stands for the first group. Groups that are times of day become local times.
 * The kubectl plugin reads the same table.
 */
const FORMS = spanish.messages.map(([pattern, translation]) => [new RegExp(pattern!), translation!] as const);

/** A message for the reader, and whether it is in the reader's language. Its times lie close to `near`. */
export function localize(message: string, near: number): { text: string; known: boolean } {
  const translated = translate(message, near, language() === "es");
  // A line must not break inside `5 → 7`.
  return { text: (translated ?? message).replace(/(\d) → (\d)/g, "$1\u00a0→\u00a0$2"), known: translated !== null };
}

function translate(text: string, near: number, toSpanish: boolean): string | null {
  for (const [pattern, translation] of FORMS) {
    const groups = pattern.exec(text)?.slice(1);
    if (!groups) continue;
    const parts = groups.map((group) =>
      localTime(group, near) ?? (toSpanish ? duration(group) : null) ?? translate(group, near, toSpanish) ?? group);
    if (toSpanish) return translation.replace(/@(\d)/g, (_, n: string) => parts[Number(n) - 1] ?? "");
    // In English only the times change: replace each group in place.
    let [result, from] = ["", 0];
    groups.forEach((group, i) => {
      const at = text.indexOf(group, from);
      result += text.slice(from, at) + (parts[i] ?? "");
      from = at + group.length;
    });
    return result + text.slice(from);
  }
  return null;
}

/** The detail of a step: names and numbers stay, times become local, and the few English words are translated. */
export function localizeStep(detail: string, near: number): string {
  const text = detail.replace(/\b\d\d:\d\d:\d\d\b/g, (time) => localTime(time, near) ?? time);
  if (language() === "en") return text;
  return spanish.steps.reduce((text, [english, translation]) => text.replaceAll(english!, translation!), text);
}

/** A time of day in UTC as local time. */
function localTime(text: string, near: number): string | null {
  const match = /^(\d\d):(\d\d):(\d\d)$/.exec(text);
  if (!match) return null;
  const [h, m, s] = match.slice(1).map(Number) as [number, number, number];
  return formatTime(new Date(near).setUTCHours(h, m, s, 0));
}

/** `1h30m` in the form that the rest of the page uses. */
function duration(text: string): string | null {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  const [h, m, s] = (match ?? []).slice(1).map((n) => Number(n ?? 0));
  return text && match ? formatDuration(h! * 3600 + m! * 60 + s!) : null;
}

/** The replica counts in a message such as `…: 5 → 7 workers`. */
export function replicaChange(message: string): [from: number, to: number] | null {
  const match = /(\d+) → (\d+) workers/.exec(message);
  return match ? [Number(match[1]), Number(match[2])] : null;
}
