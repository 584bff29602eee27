/** Why not a different number of workers: the operator's answer, and what would give that number. */
import { h, setData, setText } from "./dom";
import { stepText } from "./catalogue";
import { t } from "./lang";
import type { Pool, Step } from "./store";

export interface Counterfactual {
  decided: number;
  because: Step[];
  change: { field: string; value: string }[] | null;
  tasks: number | null;
  soon: string | null;
  later: { tasks: number; at: string } | null;
}

/** `12 more tasks`, `1 task fewer`. */
function formatTasks(n: number): string {
  return n > 0 ? t("tasksMore", { tasks: n }) : t("tasksFewer", { tasks: -n });
}

/** The ways to get `workers` workers, each with what it requires. */
export function options({ change, tasks, soon, later }: Counterfactual, workers: number, name: string): [option: string, requirement: string][] {
  const now = t("toHaveNow", { workers });
  const then = t("toHaveSoon", { workers });
  const all: [string, string][] = [];
  if (change) all.push([now, change.map(({ field, value }) => `${field}: ${value}`).join(` ${t("and")} `)]);
  if (tasks !== null) all.push([now, formatTasks(tasks)]);
  if (soon) all.push([then, t("nothingUntil", { at: Date.parse(soon) })]);
  if (later) all.push([then, t("ifSoUntil", { tasks: formatTasks(later.tasks), at: Date.parse(later.at) })]);
  all.push([t("byHand"), `kubectl workerpool scale ${name} ${workers}`]);
  return all;
}

export class WhyNot {
  /** Shows the current number of workers and opens the question. */
  readonly button = h("button", { class: "toggle", "aria-expanded": "false", title: t("whyNot"), onclick: () => this.toggle() });
  readonly node: HTMLElement;
  private readonly input = h("input", { type: "number", min: 0, max: 100_000, inputmode: "numeric", oninput: () => void this.request() });
  private readonly headline = h("p", { role: "status" });
  private readonly list = h("dl", {});
  private pending = false;
  private repeat = false;

  constructor(private readonly path: string, private readonly name: string) {
    this.node = h("section", { class: "whynot", hidden: true },
      h("label", {}, `${t("whyNotBefore")} `, this.input, ` ${t("whyNotAfter")}`), this.headline, this.list);
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.toggle();
      this.button.focus();
    });
  }

  show(pool: Pool, current: string): void {
    setText(this.button, current);
    if (this.input.value) return;
    const desired = pool.desiredReplicas ?? 0;
    this.input.value = String(desired < (pool.bounds?.[1] ?? 0) ? desired + 1 : desired - 1);
  }

  get open(): boolean {
    return !this.node.hidden;
  }

  private toggle(): void {
    this.node.hidden = this.open;
    this.button.setAttribute("aria-expanded", String(this.open));
    if (!this.open) return;
    this.input.focus();
    this.input.select();
    void this.request();
  }

  /** One request at a time; an input during a request is sent when that one is answered. */
  async request(): Promise<void> {
    const workers = this.input.valueAsNumber;
    if (!this.open || !Number.isInteger(workers)) return;
    if (this.pending) return void (this.repeat = true);
    this.pending = true;
    try {
      const response = await fetch(`${this.path}/why-not?workers=${workers}`);
      if (response.ok) this.render((await response.json()) as Counterfactual | null, workers);
    } catch {
      // The stream reports that the operator is gone; the next input requests again.
    }
    this.pending = false;
    if (this.repeat) {
      this.repeat = false;
      void this.request();
    }
  }

  private render(answer: Counterfactual | null, workers: number): void {
    if (!answer) {
      setText(this.headline, t("whyNotUnknown"));
      return this.list.replaceChildren();
    }
    const same = answer.decided === workers;
    setText(this.headline, same ? t("isDecided", { workers }) : t("because", { decided: answer.decided, workers }));
    const lines: [term: string, text: string, option: boolean][] = same ? [] : [
      ...answer.because.map((step): [string, string, boolean] => [...stepText(step), false]),
      ...options(answer, workers, this.name).map(([option, requirement]): [string, string, boolean] => [option, requirement, true]),
    ];
    this.list.replaceChildren(...lines.map(([term, text, option]) => {
      const line = h("div", {}, h("dt", {}, term), h("dd", {}, text));
      setData(line, "option", String(option));
      return line;
    }));
  }
}
