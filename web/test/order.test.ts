import { expect, test } from "vitest";
import { compare, matches, nobody, rank } from "../src/order";
import type { Facts, Pool } from "../src/store";

const pool = (name: string, reason: string, more: Partial<Pool> = {}) =>
  ({ name, namespace: "shop", well: true, facts: null, decision: { reason }, ...more }) as unknown as Pool;

test("problems come first, then limits, then by name", () => {
  const all = [pool("c", "WithinThresholds"), pool("b", "AtMax"), pool("d", "Unknown"), pool("a", "Idle"), pool("e", "WithinThresholds", { well: false })];
  expect(all.sort(compare).map(({ name }) => name)).toEqual(["d", "e", "b", "a", "c"]);
});

test("tasks that wait with nobody there are trouble, whatever the reason says", () => {
  const facts = (ready: number, live: number | null, wait: number): Facts => [ready, 0, live, 0, 0, wait, 0, 0, 0, 0];
  expect(nobody(pool("a", "WithinThresholds", { facts: facts(3, 0, 258) }))).toBe(true);
  expect(rank(pool("a", "WithinThresholds", { facts: facts(3, 0, 258) }))).toBe(0);
  // Just pushed, somebody there, or not known: no alarm.
  for (const row of [facts(3, 0, 5), facts(3, 1, 258), facts(3, null, 258), facts(0, 0, 0)]) {
    expect(nobody(pool("a", "WithinThresholds", { facts: row }))).toBe(false);
  }
});

test.each([
  ["", true], ["shop", true], ["shop/fil", true], ["SHOP queue", true], ["!steady", true], ["!queue", false],
  ["mail", false], ["shop !", true],
])("the filter %j finds it: %s", (query, found) => {
  expect(matches(query, "shop/filters QueueTooLong cola larga")).toBe(found);
});
