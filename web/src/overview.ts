/** All pools at a glance: one row each, problems first. A row's nodes are made once and touched where it differs. */
import { h, mark, put } from "./dom";
import { fact, t, waited } from "./lang";
import { compare, matches, rank } from "./order";
import { spark } from "./spark";
import { BUSY, LIVE, READY, WAIT, POINT, advance, type Changed, type Pool, type Store } from "./store";
import { aim, busy, why, word, workers } from "./words";

const GLYPHS = ["⚠", "▲", "✓"] as const;

interface Row {
  pool: Pool;
  line: HTMLAnchorElement;
  glyph: HTMLElement;
  canvas: HTMLCanvasElement;
  queue: HTMLElement;
  wait: HTMLElement;
  busy: HTMLElement;
  bar: HTMLElement;
  workers: HTMLElement;
  word: HTMLElement;
  why: HTMLElement;
  seen: boolean;
  drawn: string;
}

export class Overview {
  readonly node: HTMLElement;
  private readonly rows = new Map<number, Row>();
  private readonly list = h("div", { role: "rowgroup", class: "rows" });
  private readonly counts = h("p", { class: "counts" });
  private readonly empty = h("p", { class: "empty" });
  private readonly observer: IntersectionObserver;
  private only: number | null = null;

  constructor(private readonly store: Store, private readonly query: () => string) {
    const head = [t("pool"), t("past"), t("queue"), t("wait"), t("busy"), t("workers"), t("why")];
    this.node = h("section", { class: "overview" },
      this.counts,
      h("div", { role: "table", "aria-label": t("pools") },
        h("div", { role: "row", class: "row head" }, ...head.map((name, i) =>
          h("span", { role: "columnheader", class: i > 1 && i < 6 ? "n" : "" }, name))),
        this.list),
      this.empty);
    // Only what is on the screen is painted.
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const row = this.rows.get(Number((target as HTMLElement).dataset.id));
        if (!row) continue;
        row.seen = isIntersecting;
        if (isIntersecting) this.paint(row);
        else row.canvas.width = row.canvas.height = 0;
      }
    }, { rootMargin: "200px" });
    this.update({ full: true, words: [...store.pools.keys()], facts: [], gone: [] });
  }

  update(changed: Changed): void {
    for (const id of changed.gone) {
      const row = this.rows.get(id);
      if (row) this.observer.unobserve(row.line);
      row?.line.remove();
      this.rows.delete(id);
    }
    // A thousand rows are put in order only when one of them may stand wrong, not for each word that changed.
    let moved = changed.gone.length > 0 || (changed.words.length > 0 && this.query() !== "");
    for (const id of changed.words) moved = this.words(id) || moved;
    for (const id of changed.facts) {
      const row = this.rows.get(id);
      this.facts(row);
      if (row && row.line.dataset.rank !== String(rank(row.pool))) moved = this.words(id) || moved;
    }
    if (moved) this.arrange();
  }

  /** Time alone moves the pictures on. */
  tick(now: number): void {
    for (const row of this.rows.values()) {
      advance(row.pool, Math.floor(now / POINT));
      if (row.seen) this.paint(row);
    }
  }

  repaint(): void {
    for (const row of this.rows.values()) {
      row.drawn = "";
      if (row.seen) this.paint(row);
    }
  }

  /** Puts the rows that match in order, and moves only those that stand wrong. */
  arrange(): void {
    const query = this.query();
    const all = [...this.store.pools.values()].sort(compare);
    const totals = [0, 0, 0];
    let [next, shown] = [this.list.firstElementChild, 0];
    for (const pool of all) {
      const row = this.rows.get(pool.id);
      if (!row) continue;
      const its = rank(pool);
      totals[its]!++;
      const hidden = (this.only !== null && its !== this.only) ||
        !matches(query, `${pool.namespace}/${pool.name} ${pool.decision?.reason ?? ""} ${row.word.textContent} ${row.why.textContent}`);
      if (row.line.hidden !== hidden) row.line.hidden = hidden;
      if (!hidden) shown++;
      if (row.line === next) next = next.nextElementSibling;
      else this.list.insertBefore(row.line, next);
    }
    this.count(totals);
    this.empty.replaceChildren(...(all.length === 0
      ? [t("empty"), " ", h("code", {}, "kubectl apply -f manifests/demo.yaml")]
      : shown === 0 ? [t("none")] : []));
  }

  private count(totals: number[]): void {
    const names = [t("trouble"), t("limit"), t("fine")];
    const sum = totals.reduce((a, b) => a + b, 0);
    const chip = (words: string, only: number | null) =>
      h("button", { class: "chip", "aria-pressed": String(this.only === only), "data-rank": only ?? "", onclick: () => {
        this.only = only;
        this.arrange();
      } }, words);
    const signature = `${totals.join()} ${this.only}`;
    if (this.counts.dataset.of === signature) return;
    const focused = [...this.counts.children].indexOf(document.activeElement as Element);
    this.counts.dataset.of = signature;
    this.counts.replaceChildren(
      chip(`${sum} ${t("count")}`, null),
      ...totals.map((n, i) => chip(`${GLYPHS[i]} ${n} ${names[i]}`, i)));
    if (focused >= 0) (this.counts.children[focused] as HTMLElement | undefined)?.focus();
  }

  /** The words of a row, and whether it belongs elsewhere now. */
  private words(id: number): boolean {
    const pool = this.store.pools.get(id);
    if (!pool) return false;
    const row = this.rows.get(id) ?? this.make(pool);
    row.pool = pool;
    const its = rank(pool);
    const moved = row.line.dataset.rank !== String(its);
    mark(row.line, "rank", String(its));
    mark(row.line, "aim", aim(pool).aim);
    put(row.glyph, its === 2 ? { up: "▲", down: "▼", hold: "✓" }[aim(pool).aim] : GLYPHS[its]);
    put(row.word, word(pool));
    const said = why(pool, this.store.now);
    // That nothing happens is said in one word: five hundred sentences would hide the one that matters.
    put(row.why, pool.decision?.reason === "WithinThresholds" && its === 2 ? "" : said.text);
    row.why.lang = said.known ? "" : "en";
    this.facts(row);
    return moved;
  }

  private facts(row: Row | undefined): void {
    if (!row) return;
    const { pool } = row;
    const facts = pool.facts;
    put(row.queue, fact(facts?.[READY]));
    put(row.wait, waited(facts?.[WAIT]));
    put(row.busy, busy(pool));
    put(row.workers, workers(pool));
    const share = Math.max(0, facts?.[BUSY] ?? 0) / Math.max(1, facts?.[LIVE] ?? 1);
    row.bar.style.setProperty("--share", String(share));
    const over = pool.rules?.queueUp !== null && (facts?.[READY] ?? 0) > (pool.rules?.queueUp ?? Infinity);
    mark(row.queue, "over", String(over));
    if (row.seen) this.paint(row);
  }

  private paint(row: Row): void {
    const drawn = `${row.pool.spark.join()} ${row.canvas.clientWidth}`;
    if (row.drawn === drawn && row.canvas.width) return;
    row.drawn = drawn;
    spark(row.canvas, row.pool.spark, row.pool.rules?.queueUp ?? null);
  }

  private make(pool: Pool): Row {
    const cell = (name: string, title: string, ...children: (Node | string)[]) =>
      h("span", { role: "cell", class: name, "data-title": title }, ...children);
    const canvas = h("canvas", { "aria-hidden": "true" });
    const [glyph, bar] = [h("span", { class: "glyph", "aria-hidden": "true" }), h("span", { class: "bar", "aria-hidden": "true" })];
    const [busyText, wordText, whyText] = [h("span"), h("b"), h("span")];
    const queue = cell("n queue", t("queue"));
    const wait = cell("n wait", t("wait"));
    const bound = cell("n workers", t("workers"));
    const line = h("a", { role: "row", class: "row", href: `#/${pool.namespace}/${pool.name}`, "data-id": pool.id },
      h("span", { role: "rowheader", class: "name" }, glyph, h("span", {}, h("small", {}, `${pool.namespace}/`), pool.name)),
      cell("spark", "", canvas), queue, wait,
      cell("n busy", t("busy"), busyText, bar), bound,
      cell("why", "", wordText, " ", whyText));
    const row: Row = { pool, line, glyph, canvas, queue, wait, busy: busyText, bar, workers: bound, word: wordText, why: whyText, seen: false, drawn: "" };
    this.rows.set(pool.id, row);
    this.observer.observe(line);
    return row;
  }
}
