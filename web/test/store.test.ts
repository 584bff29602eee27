import { expect, test } from "vitest";
import { advance, POINT, POINTS, Store, type Facts, type Message, type Pool } from "../src/store";

const NOW = 1_700_000_000_000;

function row(id: number, name: string, more: Partial<Pool> = {}): Pool {
  return {
    id, name, namespace: "shop", bounds: [3, 10], rules: null, pending: null, well: true, changes: [],
    facts: [0, 0, 3, 0, 2, 0, 3, 3, 0, 0], looked: NOW, spark: Array<null>(POINTS).fill(null), point: 0, ...more,
  };
}

const facts = (ready: number | null): Facts => [ready, 0, 3, 0, 2, 0, 3, 3, 0, 0];
const full = (...pools: Pool[]): Message => ({ full: true, now: NOW, reasons: ["WithinThresholds"], version: "1", pools });

test("a full state replaces all, and says what is gone", () => {
  const store = new Store();
  store.apply(full(row(1, "a"), row(2, "b")), 0);
  const changed = store.apply(full(row(2, "b"), row(3, "c")), 0);
  expect([...store.pools.keys()]).toEqual([2, 3]);
  expect(changed.gone).toEqual([1]);
});

test("words change without touching facts, and facts without touching words", () => {
  const store = new Store();
  store.apply(full(row(1, "a")), 0);
  const { facts: none, looked, spark, point, ...words } = row(1, "a", { desiredReplicas: 5 });
  void [none, looked, spark, point];
  store.apply({ now: NOW + 10, pools: [words as Pool] }, 0);
  expect(store.pools.get(1)).toMatchObject({ desiredReplicas: 5, facts: facts(0), looked: NOW });
  store.apply({ now: NOW + 20, facts: [[1, facts(17)]] }, 0);
  expect(store.pools.get(1)).toMatchObject({ desiredReplicas: 5, facts: facts(17), looked: NOW + 20 });
});

test("a look that saw the same is a look", () => {
  const store = new Store();
  store.apply(full(row(1, "a")), 0);
  store.apply({ now: NOW + 2_000, same: [1] }, 0);
  expect(store.pools.get(1)?.looked).toBe(NOW + 2_000);
});

test("an unknown queue leaves a gap in the sparkline, never a zero", () => {
  const store = new Store();
  store.apply(full(row(1, "a")), 0);
  store.apply({ now: NOW + POINT, facts: [[1, facts(7)]] }, 0);
  store.apply({ now: NOW + 2 * POINT, facts: [[1, facts(null)]] }, 0);
  store.apply({ now: NOW + 3 * POINT, facts: [[1, facts(2)]] }, 0);
  store.apply({ now: NOW + 3 * POINT + 1, facts: [[1, facts(1)]] }, 0);
  expect(store.pools.get(1)?.spark.slice(-3)).toEqual([7, null, 2]);
});

test("time in which nobody looked is a gap", () => {
  const pool = row(1, "a", { spark: Array<number>(POINTS).fill(4), point: 100 });
  advance(pool, 102);
  expect(pool.spark.slice(-3)).toEqual([4, null, null]);
  expect(pool.spark).toHaveLength(POINTS);
});

test("the operator's clock counts, not this machine's", () => {
  const store = new Store();
  store.apply(full(), NOW - 3_600_000);
  expect(store.time(NOW - 3_600_000 + 250)).toBe(NOW + 250);
});

test("news of a pool that is not known are no news", () => {
  const store = new Store();
  store.apply(full(row(1, "a")), 0);
  expect(store.apply({ now: NOW, facts: [[9, facts(1)]], same: [8], gone: [7] }, 0).facts).toEqual([]);
});

test("what seldom changes comes once, and stays when words come without it", () => {
  const store = new Store();
  store.apply(full(row(1, "a", { replicas: 3, desiredReplicas: 3 })), 0);
  const words = { id: 1, namespace: "shop", name: "a", pending: null, well: false } as unknown as Pool;
  store.apply({ now: NOW + 10, pools: [words] }, 0);
  expect(store.pools.get(1)).toMatchObject({ bounds: [3, 10], changes: [], well: false, facts: facts(0) });
  // A number that is no longer told is unknown, not the old one.
  expect(store.pools.get(1)?.replicas).toBeUndefined();
});
