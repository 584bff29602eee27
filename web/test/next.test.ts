import { beforeAll, expect, test } from "vitest";
import { choose } from "../src/lang";
import { upcoming } from "../src/next";
import { step } from "../src/sentence";
import type { Pool } from "../src/store";

const NOW = Date.parse("2026-03-04T09:15:00Z");
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

function pool(more: object): Pool {
  return {
    bounds: [3, 10], desiredReplicas: 5, facts: [0, 0, 5, 0, 2, 0, 5, 5, 1, 0], memory: {},
    rules: { upCooldown: 20_000, downCooldown: 30_000, idleFor: 45_000 }, decision: { reason: "WithinThresholds", at: at(-10) }, ...more,
  } as unknown as Pool;
}
const texts = (more: object) => upcoming(pool(more), NOW).map(({ title, text }) => `${title.replaceAll("\u00a0", " ")}: ${text}`);

beforeAll(() => { choose("en"); process.env.TZ = "UTC"; });

test("the operator's own outlook is told as it is", () => {
  const next = { up: { to: 7, at: at(56), tasks: 0 }, down: { to: 3, tasks: -12 } };
  expect(texts({ decision: { reason: "CoolingDown", at: at(-4), next } })).toEqual([
    "Up 5 → 7: in 56 s, if it stays as it is", "Down 5 → 3: at once, if 12 fewer tasks wait"]);
  expect(texts({ decision: { reason: "WithinThresholds", at: at(-4), next: { up: { to: 7, tasks: 9 } } } }))
    .toEqual(["Up 5 → 7: at once, if 9 more tasks wait"]);
});

test("without it the clocks of the rules are told", () => {
  expect(texts({ memory: { lastUp: at(-13), idleSince: at(-20) } }))
    .toEqual(["Up: cooldown for another 7 s", "Down: idle for 20 s of 45 s"]);
  expect(texts({ memory: { idleSince: at(-50), lastChange: at(-10) } })[1]).toBe("Down: cooldown for another 20 s");
  expect(texts({ desiredReplicas: 10 })[0]).toBe("Up: already at the maximum");
  expect(texts({ desiredReplicas: 3 })[1]).toBe("Down: already at the minimum");
});

test("nothing is promised without facts, and nothing where the rules do not decide", () => {
  expect(texts({ facts: [null, null, null, null, null, null, 5, 5, 0, 0] })).toEqual(["Up: not without facts", "Down: not without facts"]);
  expect(texts({ decision: { reason: "Pinned", at: at(0) } })).toEqual(["Up: rules do not decide", "Down: rules do not decide"]);
  expect(texts({ rules: null })).toEqual([]);
});

test("a countdown moves with the time between the decision and its change", () => {
  const next = { up: { to: 7, at: at(30), tasks: 0 } };
  expect(upcoming(pool({ decision: { reason: "CoolingDown", at: at(-10), next } }), NOW)[0]?.share).toBeCloseTo(0.25);
});

test("the trail keeps names and numbers, and says the time where the reader is", () => {
  process.env.TZ = "Europe/Madrid";
  expect(step("7 → 5 until 09:15:56", NOW)).toBe("7 → 5 until 10:15:56");
  choose("es");
  expect(step("20 ≥ 2, not met", NOW)).toBe("20 ≥ 2, no se cumple");
  choose("en");
  process.env.TZ = "UTC";
});
