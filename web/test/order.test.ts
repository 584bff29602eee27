import { expect, test } from "vitest";
import { comparePools, lacksWorkers, matches, rank } from "../src/order";
import type { Metrics, Pool } from "../src/store";

const pool = (name: string, reason: string, more: Partial<Pool> = {}) =>
  ({ name, namespace: "shop", ready: true, metrics: null, decision: { reason }, ...more }) as unknown as Pool;

test("problems come first, then limits, then by name", () => {
  const all = [pool("c", "WithinThresholds"), pool("b", "AtMax"), pool("d", "Unknown"), pool("a", "Idle"), pool("e", "WithinThresholds", { ready: false })];
  expect(all.sort(comparePools).map(({ name }) => name)).toEqual(["d", "e", "b", "a", "c"]);
});

test("tasks that wait without any worker are a problem, whatever the reason", () => {
  const metrics = (ready: number, live: number | null, wait: number): Metrics => [ready, 0, live, 0, 0, wait, 0, 0, 0, 0];
  const waiting = pool("a", "WithinThresholds", { metrics: metrics(3, 0, 258) });
  expect(lacksWorkers(waiting)).toBe(true);
  expect(rank(waiting)).toBe(0);
  // No problem: just pushed, a worker is there, the number of workers is unknown, or nothing waits.
  for (const row of [metrics(3, 0, 5), metrics(3, 1, 258), metrics(3, null, 258), metrics(0, 0, 0)]) {
    expect(lacksWorkers(pool("a", "WithinThresholds", { metrics: row }))).toBe(false);
  }
});

test.each([
  ["", true], ["shop", true], ["shop/fil", true], ["SHOP queue", true], ["!steady", true], ["!queue", false],
  ["mail", false], ["shop !", true],
])("filter %j matches: %s", (query, expected) => {
  expect(matches(query, "shop/filters QueueTooLong cola larga")).toBe(expected);
});
