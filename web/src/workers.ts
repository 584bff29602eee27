/**
 * The workers of one pool: what each does, since when, and in which order they would be removed. The operator keeps
 * this only for the pool whose page is open; the page requests it when something of that pool has changed.
 */
import { h, setData, setText } from "./dom";
import { language, text, type Encoded } from "./catalogue";
import { formatDuration, formatMetric, t } from "./lang";
import type { Cell, Pool } from "./store";

/** `selectedAt`: when it was selected for removal; `timedOut`: it was, and stayed busy past the deadline. */
export interface WorkerRow {
  name: string; state: State | null; since: Cell; cpu: Cell; tasks: Cell; removalOrder: Cell; selectedAt: Cell; timedOut: boolean;
}
/** `supported`: the queue system reports its workers; `selectable`: the operator chooses which pods are removed. */
export interface Workers {
  readAt: Cell; unavailable: Encoded | null; supported: boolean; selectable: boolean; pods: Cell; rows: WorkerRow[]; more: number;
}
type State = "busy" | "idle" | "draining" | "stalled" | "terminating" | "podless" | "unregistered";

/** Each state has a shape of its own, so that it does not depend on colour. */
const STATES: Record<State, readonly [shape: string, text: string]> = {
  busy: ["█", "isBusy"], idle: ["░", "isIdle"], draining: ["▼", "draining"], stalled: ["⚠", "stalled"],
  terminating: ["✕", "terminating"], podless: ["◇", "podless"], unregistered: ["○", "unregistered"],
};

/** How many workers the next scale-down removes, as far as the operator forecasts it. */
export function nextScaleDown({ decision }: Pool): number {
  return decision?.next?.down ? decision.to - decision.next.down.to : 0;
}

/** A worker's place in the removal order as text; empty where it is unknown. */
export function removalText({ removalOrder, selectedAt, timedOut }: WorkerRow, nextCount: number): string {
  if (removalOrder === null) return "";
  const note = selectedAt !== null ? t("beingRemoved") : timedOut ? t("timedOut") : removalOrder <= nextCount ? t("removedNext") : "";
  const place = t("ordinal", { n: removalOrder, category: new Intl.PluralRules(language(), { type: "ordinal" }).select(removalOrder) });
  return note ? `${place}, ${note}` : place;
}

/** What is wrong or unknown, as text. */
export function notes({ supported, selectable, readAt, unavailable, pods, rows, more }: Workers): string[] {
  if (!supported) return [t("workersUnsupported")];
  const lines: string[] = [];
  if (unavailable) lines.push(t("unavailable", { cause: text(`cause-${unavailable.code}`, unavailable.params) ?? unavailable.code }));
  if (readAt === null) return lines.length ? lines : [t("waitingForPoll")];
  const listed = rows.some(({ state }) => state === "podless" || state === "unregistered");
  const registered = new Set(rows.filter(({ state }) => state !== "unregistered").map(({ name }) => name)).size + more;
  if (pods !== null && !listed && pods > registered) lines.push(t("podsWithoutWorker", { pods: pods - registered }));
  if (pods !== null && !listed && pods < registered) lines.push(t("workersWithoutPod", { workers: registered - pods }));
  if (!selectable && rows.length) lines.push(t("notSelectable"));
  if (!rows.length) lines.push(t("noneRegistered"));
  if (more) lines.push(t("moreWorkers", { workers: more }));
  return lines;
}

interface TableRow { element: HTMLElement; cells: HTMLElement[] }

export class WorkerTable {
  readonly node: HTMLElement;
  private readonly title = h("caption", {}, t("workers"));
  private readonly body = h("tbody", { role: "rowgroup" });
  private readonly table: HTMLElement;
  private readonly notes = h("ul", { class: "notes" });
  private readonly tableRows: TableRow[] = [];
  private workers: Workers | null = null;
  private requestedAt = -1_000;
  private timer = 0;

  constructor(private readonly path: string, private readonly now: () => number, private readonly onLoad: () => void) {
    const columns = [t("pod"), t("state"), t("since"), t("heldTasks"), "CPU", t("removalOrder")];
    this.table = h("table", { role: "table" }, this.title,
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...columns.map((name) => h("th", { scope: "col", role: "columnheader" }, name)))),
      this.body);
    this.node = h("section", { class: "worker-table" }, this.table, this.notes);
  }

  /** Requests the workers after a change of the pool: at most once a second, and never while the page is hidden. */
  request(): void {
    if (this.timer || document.hidden) return;
    const wait = Math.max(0, this.requestedAt + 1_000 - performance.now());
    this.timer = window.setTimeout(() => void this.load(), wait);
  }

  private async load(): Promise<void> {
    this.requestedAt = performance.now();
    try {
      const response = this.node.isConnected ? await fetch(`${this.path}/workers`) : null;
      if (response?.ok) {
        this.workers = (await response.json()) as Workers;
        this.onLoad();
      }
    } catch {
      // The stream reports that the operator is gone; its next message requests again.
    }
    this.timer = 0;
  }

  show(pool: Pool): void {
    const { workers, tableRows } = this;
    if (!workers) return;
    const { rows, pods } = workers;
    const known = workers.supported && workers.readAt !== null;
    const registered = rows.filter(({ state }) => state !== "unregistered").length + workers.more;
    setText(this.title, known ? t("registered", { workers: registered, pods: formatMetric(pods) }) : `${t("workers")}: ${formatMetric(pods)}`);
    this.table.dataset.empty = String(!known || !rows.length);
    const lines = notes(workers);
    if (this.notes.dataset.signature !== lines.join()) {
      this.notes.dataset.signature = lines.join();
      this.notes.replaceChildren(...lines.map((line) => h("li", {}, line)));
    }
    while (tableRows.length < rows.length) tableRows.push(this.addRow());
    while (tableRows.length > rows.length) tableRows.pop()!.element.remove();
    rows.forEach((row, i) => this.fill(tableRows[i]!, row, nextScaleDown(pool)));
  }

  private addRow(): TableRow {
    const cell = (title: string) => h("td", { role: "cell", "data-title": title });
    const cells = [h("th", { scope: "row", role: "rowheader" }), cell(t("state")), cell(t("since")), cell(t("heldTasks")), cell("CPU"), cell(t("removalOrder"))];
    cells[1]!.append(h("span", { class: "shape", "aria-hidden": "true" }), h("b"));
    return { element: this.body.appendChild(h("tr", { role: "row" }, ...cells)), cells };
  }

  private fill({ element, cells }: TableRow, row: WorkerRow, nextCount: number): void {
    const { name, state, since, cpu, tasks } = row;
    const [podCell, stateCell, sinceCell, tasksCell, cpuCell, orderCell] = cells as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
    setData(element, "state", state ?? "unknown");
    setData(element, "removal", String(row.selectedAt !== null || (row.removalOrder !== null && row.removalOrder <= nextCount)));
    setText(podCell, name);
    const [shape, text] = state ? STATES[state] : (["?", "unknown"] as const);
    setText(stateCell.firstElementChild as HTMLElement, shape);
    setText(stateCell.lastElementChild as HTMLElement, t(text));
    setText(sinceCell, since === null ? "?" : formatDuration((this.now() - since) / 1000));
    setText(tasksCell, tasks === null ? "?" : tasks === 0 ? "–" : t("tasks", { tasks }));
    setText(cpuCell, formatMetric(cpu, " %"));
    setText(orderCell, removalText(row, nextCount));
  }
}
