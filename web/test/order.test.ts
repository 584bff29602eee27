import { expect, test } from "vitest";
import { comparePools, lacksWorkers, matches, rank } from "../src/order";
import type { Pool, Sample } from "../src/store";
import { sample } from "./sample";

const pool = (name: string, reason: string, more: Partial<Pool> = {}) =>
  ({ name, namespace: "shop", ready: true, sample: null, decision: { reason }, ...more }) as unknown as Pool;

test("problems come first, then limits, then by name", () => {
  const all = [pool("c", "WithinThresholds"), pool("b", "AtMax"), pool("d", "Unknown"), pool("a", "Idle"), pool("e", "WithinThresholds", { ready: false })];
  expect(all.sort(comparePools).map(({ name }) => name)).toEqual(["d", "e", "b", "a", "c"]);
});

test("tasks that wait without any worker are a problem, whatever the reason", () => {
  const of = (more: Partial<Sample>) => pool("a", "WithinThresholds", { sample: sample({ ready: 3, live: 0, wait: 258, ...more }) });
  const waiting = of({});
  expect(lacksWorkers(waiting)).toBe(true);
  expect(rank(waiting)).toBe(0);
  // No problem: just pushed, a worker is there, the number of workers is unknown, or nothing waits.
  const differences: Partial<Sample>[] = [{ wait: 5 }, { live: 1 }, { live: null }, { live: "unsupported" }, { ready: 0, wait: 0 }];
  for (const difference of differences) expect(lacksWorkers(of(difference))).toBe(false);
});

test.each([
  ["", true], ["shop", true], ["shop/fil", true], ["SHOP queue", true], ["!steady", true], ["!queue", false],
  ["mail", false], ["shop !", true],
])("filter %j matches: %s", (query, expected) => {
  expect(matches(query, "shop/filters QueueTooLong cola larga")).toBe(expected);
});
