import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { explain, formatSpan, LANGUAGES, loadLanguage, stepText, text, type Encoded } from "../src/catalogue";
import { formatAge, formatMetric, formatWait } from "../src/lang";

const ROOT = join(import.meta.dirname, "../..");
const MESSAGES = join(ROOT, "crates/messages/tests");

/** A line of the snapshot of the operator's own texts. */
interface Line { reason?: Encoded; step?: Encoded; from: number; to: number; texts: Record<string, string | [string, string]> }

function lines(): Line[] {
  const snapshot = readFileSync(join(MESSAGES, "snapshots/reasons__every_reason_and_step_in_every_language.snap"), "utf8");
  return snapshot.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Line);
}

beforeEach(async () => {
  process.env.TZ = "UTC";
  await loadLanguage("en");
});

test.each(LANGUAGES)("every reason and step reads as the operator writes it: %s", async (language) => {
  expect(await loadLanguage(language)).toBe(language);
  expect(lines().length).toBeGreaterThan(100);
  for (const { reason, step, from, to, texts } of lines()) {
    if (reason) {
      const { text, known } = explain({ reason: reason.code, params: reason.params, from, to, message: "" });
      expect([text.replaceAll("\u00a0", " "), known]).toEqual([texts[language], true]);
    }
    if (step) expect(stepText({ name: "", detail: "", ...step })).toEqual(texts[language]);
  }
});

test.each(LANGUAGES)("every reason has a label: %s", async (language) => {
  await loadLanguage(language);
  const codes = new Set(lines().flatMap(({ reason }) => reason?.code ?? []));
  expect(codes.size).toBeGreaterThan(25);
  for (const code of codes) expect(text(`label-${code}`), code).not.toBeNull();
});

test("every text that the page names exists", () => {
  const folder = join(ROOT, "web/src");
  const source = readdirSync(folder).filter((file) => file.endsWith(".ts")).map((file) => readFileSync(join(folder, file), "utf8")).join("\n");
  const keys = new Set([...source.matchAll(/\bt\("(\w+)"/g)].map(([, key]) => key!));
  expect(keys.size).toBeGreaterThan(100);
  const english = readFileSync(join(ROOT, "crates/messages/locales/en.ftl"), "utf8");
  for (const key of keys) expect(english, key).toContain(`\npage-${key} =`);
});

test("times are those of the reader's zone", async () => {
  process.env.TZ = "Europe/Madrid";
  const until = Date.parse("2026-03-04T09:16:58Z");
  const cooldown = { reason: "CoolingDown", params: { recommended: 7, until }, from: 5, to: 5, message: "" };
  expect(explain(cooldown).text).toBe("7 workers are recommended: 5\u00a0→\u00a07 workers at 10:16:58 (cooldown)");
  await loadLanguage("es-MX");
  expect(explain(cooldown).text).toBe("se recomiendan 7 workers: 5\u00a0→\u00a07 workers a las 10:16:58, al acabar el cooldown");
});

test("a reason or a step of a newer operator is shown as it wrote it", () => {
  const newer = { reason: "Newer", from: 1, to: 2, message: "something quite new" };
  expect(explain(newer)).toEqual({ text: "something quite new", known: false });
  expect(explain({ ...newer, reason: "CoolingDown" })).toEqual({ text: "something quite new", known: false });
  expect(stepText({ name: "new", detail: "1 of 2", code: "Newer" })).toEqual(["new", "1 of 2"]);
});

test("spans read as the operator writes them", () => {
  const cases = JSON.parse(readFileSync(join(MESSAGES, "spans.json"), "utf8")) as Record<string, string>;
  expect(Object.keys(cases).length).toBeGreaterThan(10);
  for (const [millis, text] of Object.entries(cases)) expect(formatSpan(Number(millis)), millis).toBe(text);
});

test("an unknown language is English", async () => {
  expect(await loadLanguage("xx")).toBe("en");
  expect(formatAge(4_200)).toBe("4 s ago");
});

test("an unavailable metric is a question mark, an unsupported one a dash, and neither is zero", () => {
  expect([formatMetric(null), formatMetric(undefined), formatMetric("unsupported"), formatMetric(0), formatWait(null)]).toEqual(["?", "?", "–", "0", "?"]);
  expect(formatWait(1_573)).toBe("26 min 13 s");
});
