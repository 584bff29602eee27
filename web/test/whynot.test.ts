import { afterEach, expect, test } from "vitest";
import { choose } from "../src/lang";
import { ways, type Answer } from "../src/whynot";

afterEach(() => void choose("en"));

const answer = (more: Partial<Answer> = {}): Answer => ({ decided: 5, because: [], change: null, tasks: null, soon: null, later: null, ...more });

test("the ways to another number, as the command line says them", () => {
  const all = answer({
    change: [{ field: "scaleUp.step", value: "4" }, { field: "scaleUp.cooldown", value: "14s" }],
    tasks: 12, soon: "2026-11-24T10:00:30", later: { tasks: -1, at: "2026-11-24T10:05:00" },
  });
  expect(ways(all, 9, "filters")).toEqual([
    ["For 9 now", "scaleUp.step: 4 and scaleUp.cooldown: 14s"],
    ["For 9 now", "12 more tasks"],
    ["For 9 soon", "nothing, if it stays as it is until 10:00:30"],
    ["For 9 soon", "1 task fewer, if still idle until 10:05:00"],
    ["By hand", "kubectl workerpool scale filters 9"],
  ]);
  choose("es");
  expect(ways(answer({ tasks: 1 }), 9, "filters")).toEqual([["Para tener 9 ya", "1 tarea más"], ["A mano", "kubectl workerpool scale filters 9"]]);
});
