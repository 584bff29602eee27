import { expect, test } from "vitest";
import type { Cell, Change, Facts, Rules } from "../src/store";
import { cooldowns, ticks, timeStep, Track, utilization } from "../src/track";

const entry = (at: number, ready: Cell, wanted = 3, idle = 0): [number, Facts] => [at, [ready, 0, 3, 1, 2, 0, 3, wanted, idle, 0]];
const facts = (ready: Cell): Facts => entry(0, ready)[1];

test("a row is true until the next, and nothing before the first", () => {
  const track = new Track([entry(1_000, 4), entry(5_000, 9)], 8_000);
  expect([999, 1_000, 4_999, 5_000, 9_999].map((at) => track.at(at)?.[0])).toEqual([undefined, 4, 4, 9, 9]);
});

test("looks go on where the operator's trace ended", () => {
  const track = new Track([entry(1_000, 4)], 2_000);
  track.look(4_000);
  expect([track.end, track.rows.length]).toEqual([4_000, 1]);
  track.look(6_000, facts(5));
  expect([track.end, track.at(6_000)?.[0]]).toEqual([6_000, 5]);
});

test("a lost connection is time of which nothing is known", () => {
  const track = new Track([entry(0, 4)], 1_000);
  track.lose(2_000);
  track.look(9_000, facts(4));
  expect(track.unknown(0, 10_000)).toEqual([{ from: 2_000, to: 9_000 }]);
  expect(track.max(0, 0, 10_000)).toBe(4);
});

test("idle windows join, and end where the facts end", () => {
  const track = new Track([entry(0, 0, 3, 1), entry(10, 1, 3, 1), entry(20, 9), entry(30, 0, 3, 1)], 45);
  expect(track.idle(5, 100)).toEqual([{ from: 5, to: 20 }, { from: 30, to: 45 }]);
});

test("an hour of busy looks keeps an hour and not much more", () => {
  const track = new Track([], 0);
  for (let i = 0; i < 5_000; i++) track.look(i * 2_000, facts(i));
  expect(track.rows.length).toBeLessThan(2_100);
  expect(track.at(track.end - 3_500_000)?.[0]).toBe(5_000 - 1 - 1_750);
});

test("decisions that the history has lost are seen in the facts", () => {
  const track = new Track([entry(0, 9, 3), entry(2_000, 9, 5), entry(4_000, 9, 7)], 5_000);
  expect(track.steps(3_000, ["QueueTooLong"])).toMatchObject([{ from: 3, to: 5, reason: "QueueTooLong" }]);
});

test("a cooldown that begins in another makes it longer; only ups start the up cooldown", () => {
  const at = (seconds: number) => new Date(seconds * 1000).toISOString();
  const change = (seconds: number, from: number, to: number): Change => ({ at: at(seconds), from, to, reason: "", message: "" });
  const rules = { upCooldown: 20_000, downCooldown: 30_000 } as Rules;
  const all = [change(0, 3, 5), change(20, 5, 7), change(100, 7, 5)];
  expect(cooldowns(all, rules, false)).toEqual([{ from: 0, to: 50_000 }, { from: 100_000, to: 130_000 }]);
  expect(cooldowns(all, rules, true)).toEqual([{ from: 0, to: 20_000 }, { from: 20_000, to: 40_000 }]);
  expect(cooldowns(all, null, true)).toEqual([]);
});

test("utilization of nobody is not told, of unknown unknown", () => {
  const row = (busy: Cell, live: Cell): Facts => [0, 0, live, busy];
  expect([row(4, 5), row(0, 0), row(null, 5), row(-1, -1)].map(utilization)).toEqual([80, -1, null, -1]);
});

test.each([[4, 3], [10, 4], [23, 3], [1_000, 3], [4_083, 3], [1e7, 4]])("an axis up to %d has round marks, few of them", (top, wanted) => {
  const all = ticks(top, wanted);
  expect(all.length).toBeGreaterThan(1);
  expect(all.length).toBeLessThanOrEqual(wanted + 1);
  expect(all.at(-1)).toBeLessThanOrEqual(top);
});

test("a time axis never has more marks than there is room for", () => {
  for (const minutes of [2, 5, 15, 60]) expect((minutes * 60_000) / timeStep(minutes * 60_000, 6)).toBeLessThanOrEqual(6);
});
