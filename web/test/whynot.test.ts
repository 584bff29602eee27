import { beforeEach, expect, test } from "vitest";
import { loadLanguage } from "../src/catalogue";
import { options, type Counterfactual } from "../src/whynot";

beforeEach(async () => void (await loadLanguage("en")));

const counterfactual = (more: Partial<Counterfactual> = {}): Counterfactual => ({
  decided: 5, because: [], change: null, tasks: null, soon: null, later: null, ...more,
});

test("lists the ways to another number of workers", async () => {
  const answer = counterfactual({
    change: [{ field: "scaleUp.step", value: "4" }, { field: "scaleUp.cooldown", value: "14s" }],
    tasks: 12, soon: "2026-11-24T10:00:30", later: { tasks: -1, at: "2026-11-24T10:05:00" },
  });
  expect(options(answer, 9, "filters")).toEqual([
    ["For 9 now", "scaleUp.step: 4 and scaleUp.cooldown: 14s"],
    ["For 9 now", "12 more tasks"],
    ["For 9 soon", "nothing, if conditions hold until 10:00:30"],
    ["For 9 soon", "1 task fewer, if conditions hold until 10:05:00"],
    ["By hand", "kubectl workerpool scale filters 9"],
  ]);
  await loadLanguage("es");
  expect(options(counterfactual({ tasks: 1 }), 9, "filters")).toEqual([["Para tener 9 ya", "1 tarea más"], ["A mano", "kubectl workerpool scale filters 9"]]);
});
