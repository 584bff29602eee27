/**
 * The workers of one pool: who does what since when, and who would go next. The operator tells it of the pool whose
 * page is open and of no other, from its memory; it is asked when something of that pool has changed.
 */
import { h, mark, put } from "./dom";
import { fact, lang, span, t } from "./lang";
import type { Cell, Pool } from "./store";

export interface Member {
  name: string; state: State | null; since: Cell; cpu: Cell; tasks: Cell; goes: Cell; chosen: Cell; late: boolean;
}
export interface Staff {
  looked: Cell; missing: string | null; told: boolean; chosen: boolean; pods: Cell; members: Member[]; more: number;
}
type State = "busy" | "idle" | "draining" | "deaf" | "leaving" | "podless" | "unregistered";

/** Each state has a shape of its own, so that nothing is told by colour alone. */
const STATES: Record<State, readonly [shape: string, word: Parameters<typeof t>[0]]> = {
  busy: ["█", "isBusy"], idle: ["░", "isIdle"], draining: ["▼", "draining"], deaf: ["⚠", "deaf"],
  leaving: ["✕", "leaving"], podless: ["◇", "podless"], unregistered: ["○", "unregistered"],
};

/** How many go with the next step down, as far as the operator foresees it. */
export function step({ decision }: Pool): number {
  return decision?.next?.down ? decision.to - decision.next.down.to : 0;
}

/** A worker's place in the order in which they go, in words; empty where nobody knows it. */
export function place({ goes, chosen, late }: Member, step: number): string {
  if (goes === null) return "";
  const nth = lang() === "es" ? `${goes}.º` : `${goes}${{ 1: "st", 2: "nd", 3: "rd" }[goes % 100 > 10 && goes % 100 < 14 ? 0 : goes % 10] ?? "th"}`;
  const said = chosen !== null ? t("onItsWay") : late ? t("letGo") : goes <= step ? t("goesNext") : "";
  return said ? `${nth}, ${said}` : nth;
}

/** What is not as it should be, or is not known, in words. */
export function notes({ told, chosen, looked, missing, pods, members, more }: Staff): string[] {
  if (!told) return [t("notNamed")];
  const all: string[] = [];
  if (missing) all.push(`${t("notRead")}: ${missing}`);
  if (looked === null) return all.length ? all : [t("nextLook")];
  const named = members.some(({ state }) => state === "podless" || state === "unregistered");
  const there = new Set(members.filter(({ state }) => state !== "unregistered").map(({ name }) => name)).size + more;
  if (pods !== null && !named && pods > there) all.push(`${t("notRegistered")}: ${pods - there}`);
  if (pods !== null && !named && pods < there) all.push(`${t("withoutPod")}: ${there - pods}`);
  if (!chosen && members.length) all.push(t("notChosen"));
  if (!members.length) all.push(t("nobodyRegistered"));
  if (more) all.push(`… ${more} ${t("moreWorkers")}`);
  return all;
}

interface Row { line: HTMLElement; cells: HTMLElement[] }

export class Crew {
  readonly node: HTMLElement;
  private readonly title = h("caption", {}, t("workers"));
  private readonly body = h("tbody", { role: "rowgroup" });
  private readonly table: HTMLElement;
  private readonly notes = h("ul", { class: "notes" });
  private readonly rows: Row[] = [];
  private staff: Staff | null = null;
  private asked = -1_000;
  private due = 0;

  constructor(private readonly path: string, private readonly now: () => number, private readonly told: () => void) {
    const head = [t("pod"), t("state"), t("since"), t("met"), "CPU", t("order")];
    this.table = h("table", { role: "table" }, this.title,
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...head.map((name) => h("th", { scope: "col", role: "columnheader" }, name)))),
      this.body);
    this.node = h("section", { class: "crew" }, this.table, this.notes);
  }

  /** Something of the pool may have changed: asks at most once a second, and not for a page that nobody sees. */
  ask(): void {
    if (this.due || document.hidden) return;
    const wait = Math.max(0, this.asked + 1_000 - performance.now());
    this.due = window.setTimeout(() => void this.fetch(), wait);
  }

  private async fetch(): Promise<void> {
    this.asked = performance.now();
    try {
      const answer = this.node.isConnected ? await fetch(`${this.path}/workers`) : null;
      if (answer?.ok) {
        this.staff = (await answer.json()) as Staff;
        this.told();
      }
    } catch {
      // The stream says that the operator is gone; its next word asks anew.
    }
    this.due = 0;
  }

  show(pool: Pool): void {
    const { staff } = this;
    if (!staff) return;
    const known = staff.told && staff.looked !== null;
    const there = staff.members.filter(({ state }) => state !== "unregistered").length + staff.more;
    put(this.title, known ? `${t("workers")}: ${there} ${t("registeredOf")} ${fact(staff.pods)}` : `${t("workers")}: ${fact(staff.pods)}`);
    this.table.dataset.empty = String(!known || !staff.members.length);
    const said = notes(staff);
    if (this.notes.dataset.of !== said.join()) {
      this.notes.dataset.of = said.join();
      this.notes.replaceChildren(...said.map((words) => h("li", {}, words)));
    }
    while (this.rows.length < staff.members.length) this.rows.push(this.row());
    while (this.rows.length > staff.members.length) this.rows.pop()!.line.remove();
    staff.members.forEach((member, i) => this.fill(this.rows[i]!, member, step(pool)));
  }

  private row(): Row {
    const cell = (title: string) => h("td", { role: "cell", "data-title": title });
    const cells = [h("th", { scope: "row", role: "rowheader" }), cell(t("state")), cell(t("since")), cell(t("met")), cell("CPU"), cell(t("order"))];
    cells[1]!.append(h("span", { class: "shape", "aria-hidden": "true" }), h("b"));
    const line = this.body.appendChild(h("tr", { role: "row" }, ...cells));
    return { line, cells };
  }

  private fill({ line, cells }: Row, member: Member, step: number): void {
    const { name, state, since, cpu, tasks } = member;
    const [pod, doing, age, held, share, order] = cells as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
    mark(line, "state", state ?? "unknown");
    mark(line, "goes", String(member.chosen !== null || (member.goes !== null && member.goes <= step)));
    put(pod, name);
    const [shape, word] = state ? STATES[state] : (["?", "unknown"] as const);
    put(doing.firstElementChild as HTMLElement, shape);
    put(doing.lastElementChild as HTMLElement, t(word));
    put(age, since === null ? "?" : span((this.now() - since) / 1000));
    put(held, tasks === null ? "?" : tasks === 0 ? "–" : `${tasks} ${t(tasks === 1 ? "task" : "tasks")}`);
    put(share, fact(cpu, " %"));
    put(order, place(member, step));
  }
}
