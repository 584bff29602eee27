import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { choose, fact, reasonText, span, waited } from "../src/lang";
import { sentence, wants } from "../src/sentence";

const ROOT = join(import.meta.dirname, "../..");
const NEAR = Date.parse("2026-03-04T09:15:00Z");

beforeAll(() => { process.env.TZ = "Europe/Madrid"; });

/** All sentences that the operator's own cases expect. */
function cases(): string[] {
  const files = readdirSync(join(ROOT, "crates/decide/tests/cases")).map((file) => readFileSync(join(ROOT, "crates/decide/tests/cases", file), "utf8"));
  const cells = files.flatMap((text) => text.split("\n")).filter((line) => line.startsWith("|"))
    .flatMap((line) => line.split("|").map((cell) => cell.trim().replace(/^`|`$/g, "")));
  return [...new Set(cells.filter((cell) => /\d+ workers/.test(cell)))];
}

test("every sentence of the operator's cases is said in Spanish", () => {
  choose("es");
  const all = cases();
  expect(all.length).toBeGreaterThan(5);
  for (const text of all) {
    const said = sentence(text, NEAR);
    expect(said.known, text).toBe(true);
    expect(said.text, text).not.toMatch(/\b(stay|more than|tasks|of the|cooldown ends)\b/);
  }
});

test("what a scale-down waits for is said in Spanish", () => {
  const source = readFileSync(join(ROOT, "src/fleet/scale_down.rs"), "utf8");
  const all = [...source.matchAll(/"((?:waiting for|checking that|cannot) [^"]+)"/g)].map(([, said]) => said!.replace(/\{[^}]*\}/g, "x"));
  expect(all.length).toBeGreaterThan(5);
  choose("es");
  for (const said of all) expect(sentence(`9 → 7 workers: ${said}`, NEAR).known, said).toBe(true);
});

test("every reason has words of its own in both languages", () => {
  const source = readFileSync(join(ROOT, "crates/decide/src/reason.rs"), "utf8");
  const list = /reasons! \{([\s\S]*?)\n\}/.exec(source)![1]!;
  const names = [...list.matchAll(/^ {4}([A-Z]\w+),$/gm)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(15);
  for (const lang of ["en", "es"]) {
    choose(lang);
    for (const name of names) expect(reasonText(name), name).not.toBe(name);
  }
});

test("times are the reader's own, in both languages", () => {
  const text = "17 tasks wait, more than 8: 5 → 7 workers at 09:16:58 (cooldown)";
  choose("en");
  expect(sentence(text, NEAR).text).toBe("17 tasks wait, more than 8: 5\u00a0→\u00a07 workers at 10:16:58 (cooldown)");
  choose("es-ES");
  expect(sentence(text, NEAR).text).toBe("17 tareas esperan, más de 8: 5\u00a0→\u00a07 workers a las 10:16:58, al acabar el cooldown");
});

test.each([
  ["idle for 75s: 5 → 3 workers", "inactivo desde hace 1 min 15 s: 5\u00a0→\u00a03 workers"],
  ["dry run, not written: 1 task waits, more than 0: 3 → 5 workers", "simulación, sin escribir: 1 tarea espera, más de 0: 3\u00a0→\u00a05 workers"],
  ["Redis does not answer (since 09:15:02): keeping 4 workers (never scales down without metrics)",
    "Redis does not answer (desde las 10:15:02): siguen 4 workers, no se reduce nada a ciegas"],
])("%s", (text, spanish) => {
  choose("es");
  expect(sentence(text, NEAR)).toEqual({ text: spanish, known: true });
});

test("what is not known is said as it came", () => {
  choose("es");
  expect(sentence("something quite new", NEAR)).toEqual({ text: "something quite new", known: false });
});

test("the number that a sentence speaks of", () => {
  expect(wants("idle: 7 → 5 workers at 09:16:58 (cooldown)")).toEqual([7, 5]);
  expect(wants("within thresholds: keeping 3 workers")).toBeNull();
});

test("unknown is a question mark, and what is not told a dash; neither is zero", () => {
  expect([fact(null), fact(undefined), fact(-1), fact(0), waited(null)]).toEqual(["?", "?", "–", "0", "?"]);
  expect([span(5), span(130), span(3_900), waited(1_573)]).toEqual(["5 s", "2 min 10 s", "1 h 5 min", "26 min"]);
});
