/** What if: sliders for other rules, and the last hour evaluated with them. The operator makes the decisions. */
import { h, setData, setText } from "./dom";
import { formatDuration, t } from "./lang";
import type { Cell, Pool, Rules } from "./store";

interface Usage { workerSeconds: number; peak: number }
/** `desiredReplicas`: from each time on, this many. */
interface Replay { desiredReplicas: [at: number, replicas: number][]; simulated: Usage; actual: Usage; yaml: string }

type Field = "queueUp" | "busyUp" | "upStep" | "upCooldown" | "queueDown" | "busyDown" | "downStep" | "downCooldown" | "idleFor" | "fromZero" | "min" | "max";
/** The rules that have a slider, each with the slider's range. */
const FIELDS: readonly (readonly [field: Field, title: Parameters<typeof t>[0], min: number, max: number, step: number])[] = [
  ["queueUp", "queueUp", 0, 60, 1], ["busyUp", "busyUp", 0, 100, 5], ["upStep", "upStep", 1, 10, 1], ["upCooldown", "upCooldown", 0, 300, 5],
  ["queueDown", "queueDown", 0, 60, 1], ["busyDown", "busyDown", 0, 100, 5], ["downStep", "downStep", 1, 10, 1],
  ["downCooldown", "downCooldown", 0, 600, 5], ["idleFor", "downIdleFor", 0, 900, 5], ["fromZero", "fromZero", 0, 60, 1], ["min", "minWorkers", 0, 20, 1], ["max", "maxWorkers", 1, 50, 1],
];
/** The fields that are in seconds on the slider, and in milliseconds in `Rules`. */
const DURATIONS: readonly Field[] = ["upCooldown", "downCooldown", "idleFor"];

/** The current value of a rule in the units of its slider; `null` where the pool does not have that rule. */
function currentValue({ rules, bounds }: Pool, field: Field): Cell {
  if (field === "min") return bounds?.[0] ?? null;
  if (field === "max") return bounds?.[1] ?? null;
  const value = rules?.[field] ?? null;
  return value !== null && DURATIONS.includes(field) ? Math.round(value / 1000) : value;
}

export class WhatIf {
  readonly node: HTMLDetailsElement;
  /** The simulated desired replicas by time; empty before the first answer. */
  simulated: [at: number, replicas: number][] = [];
  private readonly overrides = new Map<Field, number>();
  private readonly sliders = new Map<Field, [label: HTMLElement, input: HTMLInputElement, output: HTMLElement]>();
  private readonly result = h("p", { class: "result", role: "status" });
  private readonly yaml = h("pre", { tabindex: 0 });
  private readonly copyButton = h("button", { onclick: () => void this.copy() }, t("copy"));
  private readonly resetButton = h("button", { onclick: () => this.reset() }, t("reset"));
  private pool: Pool | null = null;
  private pending = false;
  private repeat = false;

  constructor(private readonly onChange: () => void) {
    const fields = h("div", { class: "sliders" });
    for (const [field, title, min, max, step] of FIELDS) {
      const output = h("output", {});
      const input = h("input", { type: "range", min, max, step, oninput: () => this.set(field, Number(input.value)) });
      const label = fields.appendChild(h("label", {}, h("span", {}, t(title)), input, output));
      this.sliders.set(field, [label, input, output]);
    }
    this.node = h("details", { class: "whatif" }, h("summary", {}, t("whatIf")), h("p", { class: "muted" }, t("whatIfNote")), fields,
      h("div", { class: "answer" }, this.result, this.resetButton), h("div", { class: "yaml" }, this.yaml, this.copyButton));
    this.node.addEventListener("toggle", () => {
      this.onChange();
      if (this.open) void this.request();
    });
  }

  get open(): boolean {
    return this.node.open;
  }

  /** The pool's rules with the overridden thresholds, for the lines of the chart. */
  rules(pool: Pool): Rules | null {
    if (!this.open || !pool.rules) return pool.rules;
    const { queueUp, queueDown } = pool.rules;
    return { ...pool.rules, queueUp: this.overrides.get("queueUp") ?? queueUp, queueDown: this.overrides.get("queueDown") ?? queueDown };
  }

  /** Updates the sliders from the pool; those that the reader has moved stay. */
  show(pool: Pool): void {
    this.pool = pool;
    if (!this.open) return;
    for (const [field, [label, input, output]] of this.sliders) {
      const current = currentValue(pool, field);
      label.hidden = current === null;
      if (current === null) continue;
      const value = this.overrides.get(field) ?? current;
      if (value > Number(input.max)) input.max = String(value);
      if (input.value !== String(value)) input.value = String(value);
      setText(output, DURATIONS.includes(field) ? formatDuration(value) : field.startsWith("busy") ? `${value} %` : String(value));
      setData(label, "changed", String(value !== current));
    }
  }

  set(field: Field, value: number): void {
    this.overrides.set(field, value);
    if (this.pool) this.show(this.pool);
    this.onChange();
    void this.request();
  }

  private reset(): void {
    this.overrides.clear();
    if (this.pool) this.show(this.pool);
    if (this.open) void this.request();
  }

  /** One request at a time; a move during a request is sent when that one is answered. */
  private async request(): Promise<void> {
    const { pool } = this;
    if (!pool) return;
    if (this.pending) return void (this.repeat = true);
    this.pending = true;
    const query = new URLSearchParams([...this.overrides].map(([field, value]) => [field, String(value)]));
    try {
      const response = await fetch(`/api/pools/${encodeURIComponent(pool.namespace)}/${encodeURIComponent(pool.name)}/what-if?${query}`);
      if (response.ok) this.render((await response.json()) as Replay);
      else setText(this.result, t("whatIfUnsupported"));
    } catch {
      // The stream reports that the operator is gone; the next move requests again.
    }
    this.pending = false;
    if (this.repeat) {
      this.repeat = false;
      void this.request();
    }
  }

  private render({ desiredReplicas, simulated, actual, yaml }: Replay): void {
    this.simulated = desiredReplicas;
    const hours = ({ workerSeconds }: Usage) => (workerSeconds / 3600).toFixed(1);
    const changes = Math.max(0, desiredReplicas.length - 1);
    setText(this.result, `${t("simulated")}: ${changes} ${t("changes")}, ${hours(simulated)} ${t("workerHours")} (${t("actual")} ${hours(actual)}), ${t("peak")} ${simulated.peak} (${actual.peak})`);
    const unchanged = !this.overrides.size;
    setText(this.yaml, unchanged ? t("moveSlider") : yaml);
    this.copyButton.hidden = this.resetButton.hidden = unchanged;
    this.onChange();
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.yaml.textContent ?? "");
      setText(this.copyButton, t("copied"));
    } catch {
      // Without a secure origin there is no clipboard: select the text, so that the reader can copy it.
      getSelection()?.selectAllChildren(this.yaml);
    }
    setTimeout(() => setText(this.copyButton, t("copy")), 2_000);
  }
}
