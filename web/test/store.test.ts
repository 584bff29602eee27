import { expect, test } from "vitest";
import { advanceSparkline, POINT, POINTS, Store, type Message, type Pool } from "../src/store";
import { sample } from "./sample";

const NOW = 1_700_000_000_000;

function pool(id: number, name: string, more: Partial<Pool> = {}): Pool {
  return {
    id, name, namespace: "shop", bounds: [3, 10], rules: null, pending: null, ready: true, changes: [],
    sample: sample(), readAt: NOW, sparkline: Array<null>(POINTS).fill(null), point: 0, ...more,
  };
}
const full = (...pools: Pool[]): Message => ({ full: true, now: NOW, version: "1", pools });

test("a full state replaces all pools and reports the deleted ones", () => {
  const store = new Store();
  store.apply(full(pool(1, "a"), pool(2, "b")), 0);
  const changed = store.apply(full(pool(2, "b"), pool(3, "c")), 0);
  expect([...store.pools.keys()]).toEqual([2, 3]);
  expect(changed.deleted).toEqual([1]);
});

test("a status update keeps the sample, and a sample keeps the status", () => {
  const store = new Store();
  store.apply(full(pool(1, "a")), 0);
  const { sample: _, readAt, sparkline, point, ...status } = pool(1, "a", { desiredReplicas: 5 });
  void [_, readAt, sparkline, point];
  store.apply({ now: NOW + 10, pools: [status as Pool] }, 0);
  expect(store.pools.get(1)).toMatchObject({ desiredReplicas: 5, sample: sample(), readAt: NOW });
  store.apply({ now: NOW + 20, samples: [{ id: 1, ...sample({ ready: 17 }) }] }, 0);
  expect(store.pools.get(1)).toMatchObject({ desiredReplicas: 5, sample: sample({ ready: 17 }), readAt: NOW + 20 });
});

test("a poll without changes still counts as a poll", () => {
  const store = new Store();
  store.apply(full(pool(1, "a")), 0);
  store.apply({ now: NOW + 2_000, unchanged: [1] }, 0);
  expect(store.pools.get(1)?.readAt).toBe(NOW + 2_000);
});

test("unavailable metrics leave a gap in the sparkline, not a zero", () => {
  const store = new Store();
  store.apply(full(pool(1, "a")), 0);
  store.apply({ now: NOW + POINT, samples: [{ id: 1, ...sample({ ready: 7 }) }] }, 0);
  store.apply({ now: NOW + 2 * POINT, samples: [{ id: 1, ...sample({ ready: null }) }] }, 0);
  store.apply({ now: NOW + 3 * POINT, samples: [{ id: 1, ...sample({ ready: 2 }) }] }, 0);
  store.apply({ now: NOW + 3 * POINT + 1, samples: [{ id: 1, ...sample({ ready: 1 }) }] }, 0);
  expect(store.pools.get(1)?.sparkline.slice(-3)).toEqual([7, null, 2]);
});

test("points without a poll are gaps", () => {
  const one = pool(1, "a", { sparkline: Array<number>(POINTS).fill(4), point: 100 });
  advanceSparkline(one, 102);
  expect(one.sparkline.slice(-3)).toEqual([4, null, null]);
  expect(one.sparkline).toHaveLength(POINTS);
});

test("times follow the operator's clock, not the browser's", () => {
  const store = new Store();
  store.apply(full(), NOW - 3_600_000);
  expect(store.time(NOW - 3_600_000 + 250)).toBe(NOW + 250);
});

test("changes of unknown pools are ignored", () => {
  const store = new Store();
  store.apply(full(pool(1, "a")), 0);
  expect(store.apply({ now: NOW, samples: [{ id: 9, ...sample() }], unchanged: [8], deleted: [7] }, 0).samples).toEqual([]);
});

test("fields that an update leaves out keep their values", () => {
  const store = new Store();
  store.apply(full(pool(1, "a", { replicas: 3, desiredReplicas: 3 })), 0);
  const update = { id: 1, namespace: "shop", name: "a", pending: null, ready: false } as unknown as Pool;
  store.apply({ now: NOW + 10, pools: [update] }, 0);
  expect(store.pools.get(1)).toMatchObject({ bounds: [3, 10], changes: [], ready: false, sample: sample() });
  // An update without a replica count means that it is unknown, not that it is unchanged.
  expect(store.pools.get(1)?.replicas).toBeUndefined();
});
