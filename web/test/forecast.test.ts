import { beforeAll, expect, test } from "vitest";
import { forecastLines } from "../src/forecast";
import { loadLanguage } from "../src/catalogue";
import type { Pool } from "../src/store";
import { sample } from "./sample";

const NOW = Date.parse("2026-03-04T09:15:00Z");
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

function pool(more: object): Pool {
  return {
    bounds: [3, 10], desiredReplicas: 5, sample: sample({ live: 5, replicas: 5, desired: 5, idle: true }), timers: {},
    rules: { upCooldown: 20_000, downCooldown: 30_000, idleFor: 45_000 }, decision: { reason: "WithinThresholds", at: at(-10) }, ...more,
  } as unknown as Pool;
}
const texts = (more: object) => forecastLines(pool(more), NOW).map(({ title, text }) => `${title.replaceAll("\u00a0", " ")}: ${text}`);

beforeAll(async () => { await loadLanguage("en"); process.env.TZ = "UTC"; });

test("shows the operator's forecast", () => {
  const next = { up: { to: 7, at: at(56), tasks: 0 }, down: { to: 3, tasks: -12 } };
  expect(texts({ decision: { reason: "CoolingDown", at: at(-4), next } })).toEqual([
    "Up 5 → 7: in 56 s, if conditions hold", "Down 5 → 3: at once, if 12 tasks fewer wait"]);
  expect(texts({ decision: { reason: "WithinThresholds", at: at(-4), next: { up: { to: 7, tasks: 9 } } } }))
    .toEqual(["Up 5 → 7: at once, if 9 more tasks wait"]);
});

test("without a forecast it shows the timers of the rules", () => {
  expect(texts({ timers: { lastUp: at(-13), idleSince: at(-20) } }))
    .toEqual(["Up: cooldown ends in 7 s", "Down: idle for 20 s of 45 s"]);
  expect(texts({ timers: { idleSince: at(-50), lastChange: at(-10) } })[1]).toBe("Down: cooldown ends in 20 s");
  expect(texts({ desiredReplicas: 10 })[0]).toBe("Up: already at the maximum");
  expect(texts({ desiredReplicas: 3 })[1]).toBe("Down: already at the minimum");
});

test("forecasts nothing without metrics, nor while the rules are not in effect", () => {
  expect(texts({ sample: sample({ ready: null }) })).toEqual(["Up: not without metrics", "Down: not without metrics"]);
  expect(texts({ decision: { reason: "Pinned", at: at(0) } })).toEqual(["Up: the rules are not in effect", "Down: the rules are not in effect"]);
  expect(texts({ rules: null })).toEqual([]);
});

test("progress runs from the decision to its change", () => {
  const next = { up: { to: 7, at: at(30), tasks: 0 } };
  expect(forecastLines(pool({ decision: { reason: "CoolingDown", at: at(-10), next } }), NOW)[0]?.progress).toBeCloseTo(0.25);
});
