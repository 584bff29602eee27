/** Why not another number of workers: the operator's answer, and what would give that number. */
import { h, mark, put } from "./dom";
import { clock, t } from "./lang";
import { step } from "./sentence";
import type { Pool } from "./store";

export interface Answer {
  decided: number;
  because: { name: string; detail: string }[];
  change: { field: string; value: string }[] | null;
  tasks: number | null;
  soon: string | null;
  later: { tasks: number; at: string } | null;
}

/** `12 more tasks`, `1 task fewer`. */
function tasks(n: number): string {
  const many = Math.abs(n);
  return `${many} ${t(n > 0 ? (many === 1 ? "taskMore" : "tasksMore") : many === 1 ? "taskFewer" : "tasksFewer")}`;
}

/** The ways to `wanted` workers, each with what it needs. */
export function ways(answer: Answer, wanted: number, name: string): [string, string][] {
  const { change, soon, later } = answer;
  const all: [string, string][] = [];
  const [now, then] = [`${t("toHave")} ${wanted} ${t("rightNow")}`, `${t("toHave")} ${wanted} ${t("soon")}`];
  if (change) all.push([now, change.map(({ field, value }) => `${field}: ${value}`).join(` ${t("and")} `)]);
  if (answer.tasks !== null) all.push([now, tasks(answer.tasks)]);
  if (soon) all.push([then, `${t("nothingUntil")} ${clock(Date.parse(soon))}`]);
  if (later) all.push([then, `${tasks(later.tasks)}, ${t("ifSoUntil")} ${clock(Date.parse(later.at))}`]);
  all.push([t("byHand"), `kubectl workerpool scale ${name} ${wanted}`]);
  return all;
}

export class WhyNot {
  /** The number that is there, which opens the question. */
  readonly button = h("button", { class: "ask", "aria-expanded": "false", title: t("whyNot"), onclick: () => this.turn() });
  readonly node: HTMLElement;
  private readonly input = h("input", { type: "number", min: 0, max: 100_000, inputmode: "numeric", oninput: () => void this.ask() });
  private readonly head = h("p", { role: "status" });
  private readonly list = h("dl", {});
  private asking = false;
  private again = false;

  constructor(private readonly path: string, private readonly name: string) {
    this.node = h("section", { class: "whynot", hidden: true },
      h("label", {}, `${t("whyNot1")} `, this.input, ` ${t("whyNot2")}`), this.head, this.list);
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.turn();
      this.button.focus();
    });
  }

  show(pool: Pool, words: string): void {
    put(this.button, words);
    if (this.input.value) return;
    const wanted = pool.desiredReplicas ?? 0;
    this.input.value = String(wanted < (pool.bounds?.[1] ?? 0) ? wanted + 1 : wanted - 1);
  }

  get open(): boolean {
    return !this.node.hidden;
  }

  private turn(): void {
    this.node.hidden = this.open;
    this.button.setAttribute("aria-expanded", String(this.open));
    if (!this.open) return;
    this.input.focus();
    this.input.select();
    void this.ask();
  }

  /** One question at a time; what was typed meanwhile is asked when it is answered. */
  async ask(): Promise<void> {
    const wanted = this.input.valueAsNumber;
    if (!this.open || !Number.isInteger(wanted)) return;
    if (this.asking) return void (this.again = true);
    this.asking = true;
    try {
      const answer = await fetch(`${this.path}/why-not?workers=${wanted}`);
      if (answer.ok) this.say((await answer.json()) as Answer | null, wanted);
    } catch {
      // The stream says that the operator is gone; the next question asks anew.
    }
    this.asking = false;
    if (this.again) {
      this.again = false;
      void this.ask();
    }
  }

  private say(answer: Answer | null, wanted: number): void {
    if (!answer) {
      put(this.head, t("whyNotUnknown"));
      return this.list.replaceChildren();
    }
    const same = answer.decided === wanted;
    put(this.head, same ? `${wanted}: ${t("isDecided")}` : `${answer.decided} ${t("workers").toLowerCase()}, ${t("andNot")} ${wanted}, ${t("because")}`);
    const lines: [string, string, boolean][] = same ? [] : [
      ...answer.because.map(({ name, detail }): [string, string, boolean] => [name, step(detail, Date.now()), false]),
      ...ways(answer, wanted, this.name).map(([way, needs]): [string, string, boolean] => [way, needs, true]),
    ];
    this.list.replaceChildren(...lines.map(([term, words, way]) => {
      const line = h("div", {}, h("dt", {}, term), h("dd", {}, words));
      mark(line, "way", String(way));
      return line;
    }));
  }
}
