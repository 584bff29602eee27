/** What if: other rules by sliders, and what the last hour would have been by them. The operator does the deciding. */
import { h, mark, put } from "./dom";
import { span, t } from "./lang";
import type { Cell, Pool, Rules } from "./store";

interface Sum { workerSeconds: number; most: number }
interface Replay { wanted: [number, number][]; would: Sum; was: Sum; yaml: string }

/** The rules that can be moved: where each lies on its slider, and whether it is a time in seconds. */
type Field = "queueUp" | "busyUp" | "upStep" | "upCooldown" | "queueDown" | "busyDown" | "downStep" | "downCooldown" | "idleFor" | "min" | "max";
const FIELDS: readonly (readonly [field: Field, title: Parameters<typeof t>[0], least: number, most: number, step: number])[] = [
  ["queueUp", "queueUp", 0, 60, 1], ["busyUp", "busyUp", 0, 100, 5], ["upStep", "upStep", 1, 10, 1], ["upCooldown", "upCooldown", 0, 300, 5],
  ["queueDown", "queueDown", 0, 60, 1], ["busyDown", "busyDown", 0, 100, 5], ["downStep", "downStep", 1, 10, 1],
  ["downCooldown", "downCooldown", 0, 600, 5], ["idleFor", "idleFor2", 0, 900, 5], ["min", "least", 0, 20, 1], ["max", "most", 1, 50, 1],
];
const TIMES: readonly Field[] = ["upCooldown", "downCooldown", "idleFor"];

/** What a pool has now, in the units of the sliders; `null` for a rule that it has not. */
function present({ rules, bounds }: Pool, field: Field): Cell {
  if (field === "min") return bounds?.[0] ?? null;
  if (field === "max") return bounds?.[1] ?? null;
  const value = rules?.[field] ?? null;
  return value !== null && TIMES.includes(field) ? Math.round(value / 1000) : value;
}

export class WhatIf {
  readonly node: HTMLDetailsElement;
  /** What would have been wanted, by time; empty while nothing is asked. */
  wanted: [number, number][] = [];
  private readonly wishes = new Map<Field, number>();
  private readonly sliders = new Map<Field, [label: HTMLElement, input: HTMLInputElement, output: HTMLElement]>();
  private readonly sum = h("p", { class: "sum", role: "status" });
  private readonly yaml = h("pre", { tabindex: 0 });
  private readonly copy = h("button", { onclick: () => void this.take() }, t("copy"));
  private readonly back = h("button", { onclick: () => this.reset() }, t("asItIsNow"));
  private pool: Pool | null = null;
  private asking = false;
  private again = false;

  constructor(private readonly changed: () => void) {
    const fields = h("div", { class: "sliders" });
    for (const [field, title, least, most, step] of FIELDS) {
      const output = h("output", {});
      const input = h("input", { type: "range", min: least, max: most, step, oninput: () => this.set(field, Number(input.value)) });
      const label = fields.appendChild(h("label", {}, h("span", {}, t(title)), input, output));
      this.sliders.set(field, [label, input, output]);
    }
    this.node = h("details", { class: "whatif" }, h("summary", {}, t("whatIf")), h("p", { class: "since" }, t("whatIfNote")), fields,
      h("div", { class: "answer" }, this.sum, this.back), h("div", { class: "yaml" }, this.yaml, this.copy));
    this.node.addEventListener("toggle", () => {
      this.changed();
      if (this.open) void this.ask();
    });
  }

  get open(): boolean {
    return this.node.open;
  }

  /** The rules as the reader wants them, for the lines of the chart. */
  rules(pool: Pool): Rules | null {
    if (!this.open || !pool.rules) return pool.rules;
    const wish = (field: "queueUp" | "queueDown") => this.wishes.get(field) ?? pool.rules![field];
    return { ...pool.rules, queueUp: wish("queueUp"), queueDown: wish("queueDown") };
  }

  /** The pool as it is now: what nobody has moved follows it. */
  offer(pool: Pool): void {
    this.pool = pool;
    if (!this.open) return;
    for (const [field, [label, input, output]] of this.sliders) {
      const now = present(pool, field);
      label.hidden = now === null;
      if (now === null) continue;
      const value = this.wishes.get(field) ?? now;
      if (value > Number(input.max)) input.max = String(value);
      if (input.value !== String(value)) input.value = String(value);
      put(output, TIMES.includes(field) ? span(value) : field.startsWith("busy") ? `${value} %` : String(value));
      mark(label, "moved", String(value !== now));
    }
  }

  set(field: Field, value: number): void {
    this.wishes.set(field, value);
    if (this.pool) this.offer(this.pool);
    this.changed();
    this.ask();
  }

  private reset(): void {
    this.wishes.clear();
    if (this.pool) this.offer(this.pool);
    if (this.open) this.ask();
  }

  /** One question at a time; what was moved meanwhile is asked when it is answered. */
  private async ask(): Promise<void> {
    const { pool } = this;
    if (!pool) return;
    if (this.asking) return void (this.again = true);
    this.asking = true;
    const query = new URLSearchParams([...this.wishes].map(([field, value]) => [field, String(value)]));
    try {
      const answer = await fetch(`/api/pools/${encodeURIComponent(pool.namespace)}/${encodeURIComponent(pool.name)}/what-if?${query}`);
      if (answer.ok) this.show((await answer.json()) as Replay);
      else put(this.sum, t("whatIfNot"));
    } catch {
      // The stream says that the operator is gone; the next move asks anew.
    }
    this.asking = false;
    if (this.again) {
      this.again = false;
      void this.ask();
    }
  }

  private show({ wanted, would, was, yaml }: Replay): void {
    this.wanted = wanted;
    const hours = (seconds: number) => (seconds / 3600).toFixed(1);
    const changes = Math.max(0, wanted.length - 1);
    put(this.sum, `${t("wouldBe")}: ${changes} ${t("changes")}, ${hours(would.workerSeconds)} ${t("workerHours")} (${t("itWas")} ${hours(was.workerSeconds)}), ${t("atMost")} ${would.most} (${was.most})`);
    const same = !this.wishes.size;
    put(this.yaml, same ? t("moveOne") : yaml);
    this.copy.hidden = this.back.hidden = same;
    this.changed();
  }

  private async take(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.yaml.textContent ?? "");
      put(this.copy, t("copied"));
    } catch {
      // Without a secure origin there is no clipboard: the text is selected, and a key copies it.
      getSelection()?.selectAllChildren(this.yaml);
    }
    setTimeout(() => put(this.copy, t("copy")), 2_000);
  }
}
