import { expect, test } from "vitest";
import type { Change, Metric, Rules } from "../src/store";
import { cooldowns, ticks, timeStep, Timeline, utilization } from "../src/timeline";
import { sample, samples } from "./sample";

test("a sample is valid until the next one, and nothing before the first", () => {
  const timeline = new Timeline(samples([1_000, { ready: 4 }], [5_000, { ready: 9 }]), 8_000);
  expect([999, 1_000, 4_999, 5_000, 9_999].map((at) => timeline.at(at)?.ready)).toEqual([undefined, 4, 4, 9, 9]);
});

test("polls continue where the operator's samples end", () => {
  const timeline = new Timeline(samples([1_000, { ready: 4 }]), 2_000);
  timeline.record(4_000);
  expect([timeline.end, timeline.rows.length]).toEqual([4_000, 1]);
  timeline.record(6_000, sample({ ready: 5 }));
  expect([timeline.end, timeline.at(6_000)?.ready]).toEqual([6_000, 5]);
});

test("metrics are unavailable while the connection is lost", () => {
  const timeline = new Timeline(samples([0, { ready: 4 }]), 1_000);
  timeline.disconnect(2_000);
  timeline.record(9_000, sample({ ready: 4 }));
  expect(timeline.unavailable(0, 10_000)).toEqual([{ from: 2_000, to: 9_000 }]);
  expect(timeline.max("ready", 0, 10_000)).toBe(4);
});

test("adjacent idle windows merge, and the last ends with the metrics", () => {
  const timeline = new Timeline(samples([0, { idle: true }], [10, { idle: true, ready: 1 }], [20, { ready: 9 }], [30, { idle: true }]), 45);
  expect(timeline.idle(5, 100)).toEqual([{ from: 5, to: 20 }, { from: 30, to: 45 }]);
});

test("keeps one hour of frequent polls and not much more", () => {
  const timeline = new Timeline();
  for (let i = 0; i < 5_000; i++) timeline.record(i * 2_000, sample({ ready: i }));
  expect(timeline.rows.length).toBeLessThan(2_100);
  expect(timeline.at(timeline.end - 3_500_000)?.ready).toBe(5_000 - 1 - 1_750);
});

test("changes older than the status history come from the samples", () => {
  const timeline = new Timeline(samples([0, { reason: "QueueTooLong" }], [2_000, { desired: 5 }], [4_000, { desired: 7 }]), 5_000);
  expect(timeline.changes(3_000)).toMatchObject([{ from: 3, to: 5, reason: "QueueTooLong" }]);
});

test("overlapping cooldowns merge, and only scale-ups start the scale-up cooldown", () => {
  const at = (seconds: number) => new Date(seconds * 1000).toISOString();
  const change = (seconds: number, from: number, to: number): Change => ({ at: at(seconds), from, to, reason: "", message: "" });
  const rules = { upCooldown: 20_000, downCooldown: 30_000 } as Rules;
  const changes = [change(0, 3, 5), change(20, 5, 7), change(100, 7, 5)];
  expect(cooldowns(changes, rules, false)).toEqual([{ from: 0, to: 50_000 }, { from: 100_000, to: 130_000 }]);
  expect(cooldowns(changes, rules, true)).toEqual([{ from: 0, to: 20_000 }, { from: 20_000, to: 40_000 }]);
  expect(cooldowns(changes, null, true)).toEqual([]);
});

test("utilization is known where there are workers and both metrics are known", () => {
  const row = (busy: Metric, live: Metric) => utilization(sample({ busy, live }));
  expect([row(4, 5), row(0, 0), row(null, 5), row("unsupported", "unsupported")]).toEqual([80, undefined, undefined, undefined]);
});

test.each([[4, 3], [10, 4], [23, 3], [1_000, 3], [4_083, 3], [1e7, 4]])("an axis up to %d has at most %d marks above zero", (max, count) => {
  const all = ticks(max, count);
  expect(all.length).toBeGreaterThan(1);
  expect(all.length).toBeLessThanOrEqual(count + 1);
  expect(all.at(-1)).toBeLessThanOrEqual(max);
});

test("a time axis has at most the requested number of marks", () => {
  for (const minutes of [2, 5, 15, 60]) expect((minutes * 60_000) / timeStep(minutes * 60_000, 6)).toBeLessThanOrEqual(6);
});
