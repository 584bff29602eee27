/**
 * The operator's sentences in the reader's language and time zone. They come in English with times in UTC; each form
 * of `decide/why.rs` has one line here, and a form that is not known is shown as it came.
 */
import { clock, lang, span } from "./lang";

type Line = readonly [form: RegExp, spanish: string];

/** `@1` in the Spanish is the first group; groups that are times of day become local ones. */
const CAUSES: readonly Line[] = [
  [/^1 task waits, more than (\d+)$/, "1 tarea espera, más de @1"],
  [/^(\d+) tasks wait, more than (\d+)$/, "@1 tareas esperan, más de @2"],
  [/^(\d+) % of the workers are busy, more than (\d+) %$/, "el @1 % de los trabajadores está ocupado, más del @2 %"],
  [/^the workers use (\d+) % CPU, more than (\d+) %$/, "los trabajadores usan el @1 % de CPU, más del @2 %"],
  [/^1 task, (\d+) for each worker$/, "1 tarea, @1 por trabajador"],
  [/^(\d+) tasks, (\d+) for each worker$/, "@1 tareas, @2 por trabajador"],
  [/^no task waits, and what arrives is to be done within (\S+)$/, "no espera ninguna tarea, y lo que llega debe acabarse en @1"],
  [/^1 task waits, to be done within (\S+)$/, "1 tarea espera y debe acabarse en @1"],
  [/^(\d+) tasks wait, to be done within (\S+)$/, "@1 tareas esperan y deben acabarse en @2"],
  [/^the oldest task has waited (\S+), (\S+) at most are wanted$/, "la tarea más antigua espera desde hace @1, se desean @2 como mucho"],
  [/^1 task waits and no worker runs$/, "1 tarea espera y no hay trabajadores"],
  [/^(\d+) tasks wait and no worker runs$/, "@1 tareas esperan y no hay trabajadores"],
];
const CHANGES: readonly Line[] = [
  [/^(\d+) workers stay$/, "siguen @1 trabajadores"],
  [/^(\d+) → (\d+) workers$/, "@1 → @2 trabajadores"],
  [/^(\d+ (?:workers stay|→ \d+ workers)) until (\S+)$/, "@1 hasta las @2"],
];
const FORMS: readonly Line[] = [
  [/^(.+); it could not be written: (.+)$/, "@1; no se pudo escribir: @2"],
  [/^dry run: (.+)$/, "simulación: @1"],
  [/^dry run, not written: (.+)$/, "simulación, sin escribir: @1"],
  [/^suspended: (.+), whatever the queue says$/, "suspendido: @1, diga lo que diga la cola"],
  [/^queue (\S+): (.+)$/, "cola @1: @2"],
  [/^(\d+) workers? (?:is|are) enough for the target, but the conditions of scaleDown do not hold: (.+)$/,
    "@1 bastan para el objetivo, pero no se cumplen las condiciones de scaleDown: @2"],
  [/^(\d+) workers? (?:is|are) enough, but more were busy a moment ago: (.+) until (\S+) at least$/,
    "@1 bastan, pero hace un momento había más ocupados: @2 al menos hasta las @3"],
  [/^(\d+) workers? (?:is|are) needed: (.+) at (\S+), after a short rest$/, "se necesitan @1: @2 a las @3, tras una pausa breve"],
  [/^(\d+) workers? (?:is|are) wanted, but not for the whole stabilization window: (.+)$/,
    "se desean @1, pero no durante toda la ventana de estabilización: @2"],
  [/^(\d+) workers? (?:is|are) wanted, and behavior allows (\d+) for now: (.+)$/,
    "se desean @1, y behavior permite @2 por ahora: @3"],
  [/^schedule (\S+) wants at least (\d+) workers until (\S+): (.+)$/,
    "el horario @1 quiere al menos @2 trabajadores hasta las @3: @4"],
  [/^pinned by spec\.replicas until (\S+): (.+)$/, "fijado por spec.replicas hasta las @1: @2"],
  [/^no rule asks for another number: (.+)$/, "ninguna regla pide otro número: @1"],
  [/^idle for (\S+): (.+)$/, "inactivo desde hace @1: @2"],
  [/^idle since (\S+): (.+) at (\S+) if it stays so$/, "inactivo desde las @1: @2 a las @3 si sigue así"],
  [/^idle: (.+) at (\S+), when the cooldown ends$/, "inactivo: @1 a las @2, al acabar el enfriamiento"],
  [/^(.+?): (.+) at (\S+), when the cooldown ends$/, "@1: @2 a las @3, al acabar el enfriamiento"],
  [/^(.+), but maxReplicas is (\d+): (.+)$/, "@1, pero maxReplicas es @2: @3"],
  [/^fewer than minReplicas (\d+): (.+)$/, "menos que minReplicas @1: @2"],
  [/^more than maxReplicas (\d+): (.+)$/, "más que maxReplicas @1: @2"],
  [/^(\d+) workers are wanted, but (\d+) are busy and none of them is stopped: (.+)$/,
    "se desean @1 trabajadores, pero @2 están ocupados y no se detiene a ninguno: @3"],
  [/^(.+) \(since (\S+)\): (.+), nothing is lowered blindly$/, "@1 (desde las @2): @3, no se reduce nada a ciegas"],
  [/^no facts since (\S+): (.+) by onUnknown$/, "sin datos desde las @1: @2 por onUnknown"],
  [/^no look since (\S+)$/, "sin lectura desde las @1"],
  [/^pinned by spec\.replicas: (.+)$/, "fijado por spec.replicas: @1"],
  [/^(\d+ → \d+ workers): waiting for (.+) to finish$/, "@1: esperando a que termine @2"],
  [/^somebody else set (\d+): (.+) again$/, "otro escribió @1: @2 de nuevo"],
  [/^(\S+) does not exist in (\S+): create it, or mend scaleTargetRef$/,
    "@1 no existe en @2: créelo o corrija scaleTargetRef"],
  [/^(\S+) set (\S+) to (\d+): set back to (\d+); to choose the number yourself: (.+)$/,
    "@1 puso @2 en @3: devuelto a @4; para elegir el número usted: @5"],
  [/^(.+): (\d+ (?:workers stay|→ \d+ workers))$/, "@1: @2"],
];
const LINES = [...CAUSES, ...CHANGES, ...FORMS];

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
  return STEPS.reduce((said, [english, spanish]) => said.replaceAll(english, spanish), timed);
}

const STEPS = [
  ["does not hold", "no se cumple"], ["holds", "se cumple"], [" until ", " hasta "], [" since ", " desde "], ["workers", "trabajadores"],
  ["busy", "ocupados"], ["could not be read", "no se pudo leer"], ["the queue does not tell it", "la cola no lo dice"],
] as const;

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
