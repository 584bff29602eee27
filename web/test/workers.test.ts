import { beforeEach, expect, test } from "vitest";
import { loadLanguage } from "../src/catalogue";
import type { Pool } from "../src/store";
import { nextScaleDown, notes, removalText, type WorkerRow, type Workers } from "../src/workers";

beforeEach(async () => void (await loadLanguage("en")));

const row = (more: Partial<WorkerRow> = {}): WorkerRow => ({
  name: "w-x2k9p", state: "idle", since: 0, cpu: 2, tasks: 0, removalOrder: 1, selectedAt: null, timedOut: false, ...more,
});
const workers = (more: Partial<Workers> = {}): Workers => ({
  readAt: 1, unavailable: null, supported: true, selectable: true, pods: 2,
  rows: [row(), row({ name: "w-b7c2d", removalOrder: 2 })], more: 0, ...more,
});

test("the removal order is shown as text in both languages", async () => {
  const text = (n: number, more: Partial<WorkerRow> = {}) => removalText(row({ removalOrder: n, ...more }), 2);
  expect([1, 2, 3, 4, 11, 12, 13, 21, 102, 112].map((n) => text(n))).toEqual(
    ["1st, removed next", "2nd, removed next", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "112th"]);
  expect(text(1, { selectedAt: 5 })).toBe("1st, being removed");
  expect(text(7, { timedOut: true })).toBe("7th, kept, was busy too long");
  expect(removalText(row({ removalOrder: null }), 2)).toBe("");
  await loadLanguage("es");
  expect([text(1), text(3)]).toEqual(["1.º, el siguiente en eliminarse", "3.º"]);
});

test("the next scale-down removes what the operator forecasts, or nothing", () => {
  const pool = (next?: object) => ({ decision: { to: 7, next } }) as unknown as Pool;
  expect([nextScaleDown(pool({ down: { to: 5 } })), nextScaleDown(pool({ up: { to: 9 } })), nextScaleDown(pool()), nextScaleDown({} as Pool)]).toEqual([2, 0, 0, 0]);
});

test("differences between registry and pods are noted, unknown values are not counted", () => {
  expect(notes(workers())).toEqual([]);
  expect(notes(workers({ pods: 3 }))).toEqual(["1 pod without a registered worker"]);
  expect(notes(workers({ pods: 1 }))).toEqual(["1 registered worker without a pod"]);
  expect(notes(workers({ pods: null }))).toEqual([]);
  // Two workers in one pod are one pod, and pods that are rows of the table are not counted again.
  expect(notes(workers({ pods: 1, rows: [row(), row()] }))).toEqual([]);
  expect(notes(workers({ pods: 3, rows: [row(), row({ name: "new", state: "unregistered" })] }))).toEqual([]);
});

test("an empty table always has a note that says why", () => {
  expect(notes(workers({ supported: false, readAt: null, rows: [] }))).toEqual([expect.stringContaining("does not report its workers")]);
  expect(notes(workers({ readAt: null, rows: [] }))).toEqual(["Waiting for the operator's next poll…"]);
  expect(notes(workers({ pods: 0, rows: [] }))).toEqual(["No worker is registered."]);
  expect(notes(workers({ unavailable: { code: "NotReadYet" } }))).toEqual(["could not be read: not read yet"]);
  expect(notes(workers({ selectable: false }))).toEqual(["The operator does not choose which pods of this target are removed."]);
  expect(notes(workers({ more: 7, pods: 9 }))).toEqual(["… 7 more"]);
});
