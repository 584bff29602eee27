/** All pools: one row each, problems first. The nodes of a row are created once and updated only where they differ. */
import { h, setData, setText } from "./dom";
import { formatMetric, formatWait, t } from "./lang";
import { comparePools, matches, rank } from "./order";
import { drawSparkline } from "./sparkline";
import { POINT, advanceSparkline, type Changed, type Pool, type Store } from "./store";
import { busyText, currentMessage, reasonLabel, recommendation, replicasText } from "./summary";
import { known } from "./timeline";

/** By rank. */
const GLYPHS = ["⚠", "▲", "✓"] as const;

interface Row {
  pool: Pool;
  element: HTMLAnchorElement;
  glyph: HTMLElement;
  canvas: HTMLCanvasElement;
  queue: HTMLElement;
  wait: HTMLElement;
  busy: HTMLElement;
  bar: HTMLElement;
  workers: HTMLElement;
  reason: HTMLElement;
  message: HTMLElement;
  visible: boolean;
  /** What the canvas shows, to skip drawing it again. */
  drawn: string;
}

export class Overview {
  readonly node: HTMLElement;
  private readonly rows = new Map<number, Row>();
  private readonly list = h("div", { role: "rowgroup", class: "rows" });
  private readonly counts = h("p", { class: "counts" });
  private readonly empty = h("p", { class: "empty" });
  private readonly observer: IntersectionObserver;
  /** The only rank that is shown, if the reader has chosen one. */
  private selectedRank: number | null = null;

  constructor(private readonly store: Store, private readonly query: () => string) {
    const columns = [t("pool"), t("queueHistory"), t("queue"), t("wait"), t("busy"), t("workers"), t("why")];
    this.node = h("section", { class: "overview" },
      this.counts,
      h("div", { role: "table", "aria-label": t("pools") },
        h("div", { role: "row", class: "row head" }, ...columns.map((name, i) =>
          h("span", { role: "columnheader", class: i > 1 && i < 6 ? "n" : "" }, name))),
        this.list),
      this.empty);
    // Draws only the sparklines that are on the screen.
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const row = this.rows.get(Number((target as HTMLElement).dataset.id));
        if (!row) continue;
        row.visible = isIntersecting;
        if (isIntersecting) this.draw(row);
        else row.canvas.width = row.canvas.height = 0;
      }
    }, { rootMargin: "200px" });
    this.update({ full: true, pools: [...store.pools.keys()], samples: [], deleted: [] });
  }

  update(changed: Changed): void {
    for (const id of changed.deleted) {
      const row = this.rows.get(id);
      if (row) this.observer.unobserve(row.element);
      row?.element.remove();
      this.rows.delete(id);
    }
    // Sorting a thousand rows is expensive, so do it only when a row may have to move.
    let moved = changed.deleted.length > 0 || (changed.pools.length > 0 && this.query() !== "");
    for (const id of changed.pools) moved = this.updateStatus(id) || moved;
    for (const id of changed.samples) {
      const row = this.rows.get(id);
      this.updateMetrics(row);
      if (row && row.element.dataset.rank !== String(rank(row.pool))) moved = this.updateStatus(id) || moved;
    }
    if (moved) this.arrange();
  }

  /** Advances the sparklines, which move with time alone. */
  tick(now: number): void {
    for (const row of this.rows.values()) {
      advanceSparkline(row.pool, Math.floor(now / POINT));
      if (row.visible) this.draw(row);
    }
  }

  redraw(): void {
    for (const row of this.rows.values()) {
      row.drawn = "";
      if (row.visible) this.draw(row);
    }
  }

  /** Filters and sorts the rows, and moves only those that are out of place. */
  arrange(): void {
    const query = this.query();
    const pools = [...this.store.pools.values()].sort(comparePools);
    const totals = [0, 0, 0];
    let [next, shown] = [this.list.firstElementChild, 0];
    for (const pool of pools) {
      const row = this.rows.get(pool.id);
      if (!row) continue;
      const poolRank = rank(pool);
      totals[poolRank]!++;
      const hidden = (this.selectedRank !== null && poolRank !== this.selectedRank) ||
        !matches(query, `${pool.namespace}/${pool.name} ${pool.decision?.reason ?? ""} ${row.reason.textContent} ${row.message.textContent}`);
      if (row.element.hidden !== hidden) row.element.hidden = hidden;
      if (!hidden) shown++;
      if (row.element === next) next = next.nextElementSibling;
      else this.list.insertBefore(row.element, next);
    }
    this.showCounts(totals);
    this.empty.replaceChildren(...(pools.length === 0
      ? [t("noPools"), " ", h("code", {}, "kubectl apply -f manifests/demo.yaml")]
      : shown === 0 ? [t("noMatch")] : []));
  }

  private showCounts(totals: number[]): void {
    const signature = `${totals.join()} ${this.selectedRank}`;
    if (this.counts.dataset.signature === signature) return;
    const names = [t("problems"), t("atLimit"), t("healthy")];
    const sum = totals.reduce((a, b) => a + b, 0);
    const chip = (text: string, chipRank: number | null) =>
      h("button", { class: "chip", "aria-pressed": String(this.selectedRank === chipRank), "data-rank": chipRank ?? "", onclick: () => {
        this.selectedRank = chipRank;
        this.arrange();
      } }, text);
    const focused = [...this.counts.children].indexOf(document.activeElement as Element);
    this.counts.dataset.signature = signature;
    this.counts.replaceChildren(
      chip(`${sum} ${t("poolCount")}`, null),
      ...totals.map((n, i) => chip(`${GLYPHS[i]} ${n} ${names[i]}`, i)));
    if (focused >= 0) (this.counts.children[focused] as HTMLElement | undefined)?.focus();
  }

  /** Updates the texts of a row; true if its rank has changed, so that it has to move. */
  private updateStatus(id: number): boolean {
    const pool = this.store.pools.get(id);
    if (!pool) return false;
    const row = this.rows.get(id) ?? this.createRow(pool);
    row.pool = pool;
    const poolRank = rank(pool);
    const moved = row.element.dataset.rank !== String(poolRank);
    const { action } = recommendation(pool);
    setData(row.element, "rank", String(poolRank));
    setData(row.element, "recommendation", action);
    setText(row.glyph, poolRank === 2 ? { up: "▲", down: "▼", hold: "✓" }[action] : GLYPHS[poolRank]);
    setText(row.reason, reasonLabel(pool));
    const message = currentMessage(pool);
    // A pool within its thresholds shows only the label: five hundred messages would hide the one that matters.
    setText(row.message, pool.decision?.reason === "WithinThresholds" && poolRank === 2 ? "" : message.text);
    row.message.lang = message.known ? "" : "en";
    this.updateMetrics(row);
    return moved;
  }

  private updateMetrics(row: Row | undefined): void {
    if (!row) return;
    const { pool } = row;
    const { sample } = pool;
    setText(row.queue, formatMetric(sample?.ready));
    setText(row.wait, formatWait(sample?.wait));
    setText(row.busy, busyText(pool));
    setText(row.workers, replicasText(pool));
    const share = (known(sample?.busy) ?? 0) / Math.max(1, known(sample?.live) ?? 1);
    row.bar.style.setProperty("--share", String(share));
    const over = pool.rules?.queueUp !== null && (known(sample?.ready) ?? 0) > (pool.rules?.queueUp ?? Infinity);
    setData(row.queue, "over", String(over));
    if (row.visible) this.draw(row);
  }

  private draw(row: Row): void {
    const drawn = `${row.pool.sparkline.join()} ${row.canvas.clientWidth}`;
    if (row.drawn === drawn && row.canvas.width) return;
    row.drawn = drawn;
    drawSparkline(row.canvas, row.pool.sparkline, row.pool.rules?.queueUp ?? null);
  }

  private createRow(pool: Pool): Row {
    const cell = (name: string, title: string, ...children: (Node | string)[]) =>
      h("span", { role: "cell", class: name, "data-title": title }, ...children);
    const canvas = h("canvas", { "aria-hidden": "true" });
    const glyph = h("span", { class: "glyph", "aria-hidden": "true" });
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    const [busy, reason, message] = [h("span"), h("b"), h("span")];
    const queue = cell("n queue", t("queue"));
    const wait = cell("n wait", t("wait"));
    const workers = cell("n workers", t("workers"));
    const element = h("a", { role: "row", class: "row", href: `#/${pool.namespace}/${pool.name}`, "data-id": pool.id },
      h("span", { role: "rowheader", class: "name" }, glyph, h("span", {}, h("small", {}, `${pool.namespace}/`), pool.name)),
      cell("sparkline", "", canvas), queue, wait,
      cell("n busy", t("busy"), busy, bar), workers,
      cell("why", "", reason, " ", message));
    const row: Row = { pool, element, glyph, canvas, queue, wait, busy, bar, workers, reason, message, visible: false, drawn: "" };
    this.rows.set(pool.id, row);
    this.observer.observe(element);
    return row;
  }
}
