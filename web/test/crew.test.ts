import { afterEach, expect, test } from "vitest";
import { notes, place, step, type Member, type Staff } from "../src/crew";
import { choose } from "../src/lang";
import type { Pool } from "../src/store";

afterEach(() => void choose("en"));

const member = (more: Partial<Member> = {}): Member => ({
  name: "w-x2k9p", state: "idle", since: 0, cpu: 2, tasks: 0, goes: 1, chosen: null, late: false, ...more,
});
const staff = (more: Partial<Staff> = {}): Staff => ({
  looked: 1, missing: null, told: true, chosen: true, pods: 2, members: [member(), member({ name: "w-b7c2d", goes: 2 })], more: 0, ...more,
});

test("a place in the order is said in words, in both languages", () => {
  const all = (n: number, more: Partial<Member> = {}) => place(member({ goes: n, ...more }), 2);
  expect([1, 2, 3, 4, 11, 12, 13, 21, 102, 112].map((n) => all(n))).toEqual(
    ["1st, goes next", "2nd, goes next", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "112th"]);
  expect(all(1, { chosen: 5 })).toBe("1st, on its way out");
  expect(all(7, { late: true })).toBe("7th, let go again, busy too long");
  expect(place(member({ goes: null }), 2)).toBe("");
  choose("es");
  expect([all(1), all(3)]).toEqual(["1.º, el siguiente en irse", "3.º"]);
});

test("how many go next is what the operator foresees, and nobody where it foresees nothing", () => {
  const pool = (next?: object) => ({ decision: { to: 7, next } }) as unknown as Pool;
  expect([step(pool({ down: { to: 5 } })), step(pool({ up: { to: 9 } })), step(pool()), step({} as Pool)]).toEqual([2, 0, 0, 0]);
});

test("registry and pods that differ are said first, and what is not known is not counted", () => {
  expect(notes(staff())).toEqual([]);
  expect(notes(staff({ pods: 3 }))).toEqual(["pods without a registered worker: 1"]);
  expect(notes(staff({ pods: 1 }))).toEqual(["registered workers without a pod: 1"]);
  expect(notes(staff({ pods: null }))).toEqual([]);
  // Two workers in one pod are one pod, and pods that are named need no number.
  expect(notes(staff({ pods: 1, members: [member(), member()] }))).toEqual([]);
  expect(notes(staff({ pods: 3, members: [member(), member({ name: "new", state: "unregistered" })] }))).toEqual([]);
});

test("a queue that names nobody says so, and an empty table is never nobody", () => {
  expect(notes(staff({ told: false, looked: null, members: [] }))).toEqual([expect.stringContaining("does not name its workers")]);
  expect(notes(staff({ looked: null, members: [] }))).toEqual(["Waiting for the operator's next look…"]);
  expect(notes(staff({ pods: 0, members: [] }))).toEqual(["No worker is registered."]);
  expect(notes(staff({ missing: "connection refused" }))).toEqual(["could not be read: connection refused"]);
  expect(notes(staff({ chosen: false }))).toEqual(["Who goes next is not the operator's choice here."]);
  expect(notes(staff({ more: 7, pods: 9 }))).toEqual(["… 7 more"]);
});
