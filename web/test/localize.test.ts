import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { formatDuration, formatMetric, formatWait, reasonText, setLanguage } from "../src/lang";
import { localize, localizeStep, replicaChange } from "../src/localize";

const ROOT = join(import.meta.dirname, "../..");
const NEAR = Date.parse("2026-03-04T09:15:00Z");
/** English words of the messages that no Spanish text contains. */
const ENGLISH = new RegExp("\\b(keeping|than|tasks?|wait(s|ed|ing)?|enough|needed|requires|since|until|idle|busy|load|again|another|within|thresholds|" +
  "pinned|suspended|recommended|allows|oldest|maximum|target|schedule|dry|queue|workers are|of the|metrics|fact)\\b");

beforeAll(() => { process.env.TZ = "Europe/Madrid"; });

/** The text of all Rust files below a folder. */
function rustSources(folder: string): string {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".rs"));
  return files.map((file) => readFileSync(join(ROOT, folder, file), "utf8")).join("\n");
}

/** All messages that the tables of test cases of the decision expect. */
function expectedMessages(): string[] {
  const folder = join(ROOT, "crates/decide/tests/cases");
  const lines = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), "utf8").split("\n"));
  const cells = lines.filter((line) => line.startsWith("|")).flatMap((line) => line.split("|").map((cell) => cell.trim().replace(/^`|`$/g, "")));
  return [...new Set(cells.filter((cell) => /\d+ workers/.test(cell)))];
}

test("every message of the decision's test cases has a Spanish translation", () => {
  setLanguage("es");
  const messages = expectedMessages();
  expect(messages.length).toBeGreaterThan(40);
  for (const message of messages) {
    const { text, known } = localize(message, NEAR);
    expect(known, message).toBe(true);
    expect(text, message).not.toMatch(ENGLISH);
  }
});

test("what a scale-down waits for has a Spanish translation", () => {
  const matches = rustSources("src/fleet").matchAll(/"((?:waiting for|checking that|cannot (?:list|mark)) [^"]+)"/g);
  const waits = [...matches].map(([, text]) => text!.replace(/\{[^}]*\}/g, "x"));
  expect(waits.length).toBeGreaterThan(5);
  setLanguage("es");
  for (const wait of waits) {
    const { text, known } = localize(`9 → 7 workers: ${wait}`, NEAR);
    expect(known, wait).toBe(true);
    expect(text, wait).not.toMatch(/\b(waiting|checking|cannot)\b/);
  }
});

test("every step has a Spanish translation", () => {
  const source = readFileSync(join(ROOT, "crates/messages/src/steps.rs"), "utf8");
  const details = source.slice(source.indexOf("fn step_detail"));
  const texts = [...details.matchAll(/"([^"\n]*)"/g)].map(([, text]) => text!.replace(/\{[^}]*\}/g, "7")).filter((text) => /[a-z]/.test(text));
  expect(texts.length).toBeGreaterThan(8);
  setLanguage("es");
  for (const text of texts) expect(localizeStep(text, NEAR), text).not.toMatch(/\b(waiting|within|met|known|reported|oldest|of|idle|least|until|written|another|ours)\b/);
});

test("every reason has a label in both languages", () => {
  const source = readFileSync(join(ROOT, "crates/decide/src/reason.rs"), "utf8");
  const list = /reasons! \{([\s\S]*?)\n\}/.exec(source)![1]!;
  const reasons = [...list.matchAll(/^ {4}([A-Z]\w+),$/gm)].map(([, name]) => name!);
  expect(reasons.length).toBeGreaterThan(15);
  for (const language of ["en", "es"]) {
    setLanguage(language);
    for (const reason of reasons) expect(reasonText(reason), reason).not.toBe(reason);
  }
});

test("times are local in both languages", () => {
  const message = "17 tasks wait, more than 8: 5 → 7 workers at 09:16:58 (cooldown)";
  setLanguage("en");
  expect(localize(message, NEAR).text).toBe("17 tasks wait, more than 8: 5\u00a0→\u00a07 workers at 10:16:58 (cooldown)");
  setLanguage("es-ES");
  expect(localize(message, NEAR).text).toBe("17 tareas esperan, más de 8: 5\u00a0→\u00a07 workers a las 10:16:58, al acabar el cooldown");
});

test.each([
  ["idle for 75s: 5 → 3 workers", "inactivo desde hace 1 min 15 s: 5\u00a0→\u00a03 workers"],
  ["dry run, not written: 1 task waits, more than 0: 3 → 5 workers", "simulación, sin escribir: 1 tarea espera, más de 0: 3\u00a0→\u00a05 workers"],
  ["Redis does not answer (since 09:15:02): keeping 4 workers (never scales down without metrics)",
    "Redis does not answer (desde las 10:15:02): siguen 4 workers (nunca se reduce sin datos)"],
  ["9 → 7 workers: waiting for w-a and w-b to finish", "9\u00a0→\u00a07 workers: esperando a que terminen w-a y w-b"],
  ["9 → 7 workers: waiting for w-a and 2 others to finish", "9\u00a0→\u00a07 workers: esperando a que terminen w-a y 2 más"],
])("%s", (message, spanish) => {
  setLanguage("es");
  expect(localize(message, NEAR)).toEqual({ text: spanish, known: true });
});

test("an unknown message stays as it is", () => {
  setLanguage("es");
  expect(localize("something quite new", NEAR)).toEqual({ text: "something quite new", known: false });
});

test("replicaChange finds the replica counts of a message", () => {
  expect(replicaChange("idle: 7 → 5 workers at 09:16:58 (cooldown)")).toEqual([7, 5]);
  expect(replicaChange("within thresholds: keeping 3 workers")).toBeNull();
});

test("an unavailable metric is a question mark, an unsupported one a dash, and neither is zero", () => {
  expect([formatMetric(null), formatMetric(undefined), formatMetric(-1), formatMetric(0), formatWait(null)]).toEqual(["?", "?", "–", "0", "?"]);
  expect([formatDuration(5), formatDuration(130), formatDuration(3_900), formatWait(1_573)]).toEqual(["5 s", "2 min 10 s", "1 h 5 min", "26 min"]);
});
