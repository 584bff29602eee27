/** One pool: its message and metrics, its charts over time, the next possible changes, and its history. */
import { drawChart, heightOf, timeAt, valueAt, type Frame } from "./chart";
import { h, setData, setText } from "./dom";
import { forecastLines } from "./forecast";
import { explain, formatTime, stepText } from "./catalogue";
import { formatAge, formatMetric, formatTimestamp, formatWait, reasonText, t } from "./lang";
import { rank } from "./order";
import type { Cell, Change, Changed, Pool, Sample, Step, Store } from "./store";
import { currentMessage, reasonLabel, recommendation, replicasText } from "./summary";
import { Timeline, utilization, type Samples } from "./timeline";
import { WhatIf } from "./whatif";
import { WhyNot } from "./whynot";
import { WorkerTable } from "./workers";

/** The time ranges of the chart in minutes. */
const RANGES = [2, 5, 15, 60];

/** A threshold that can be dragged in the chart. */
type Threshold = "queueUp" | "queueDown";
interface PoolResponse { now: number; readAt: number; pool: Pool; history: Change[]; samples: Samples }
type Tile = [icon: string, title: string, value: string, recommendation?: string];

export class Detail {
  readonly node: HTMLElement;
  private timeline = new Timeline();
  private changes: Change[] = [];
  /** Changes that happened before the status history begins, from the timeline. */
  private olderChanges: Change[] = [];
  private range = 1;
  private frozenAt: number | null = null;
  private cursor: number | null = null;
  private frame: Frame = { left: 0, right: 1, queue: { top: 0, bottom: 1, max: 1 } };
  private dragged: Threshold | null = null;
  /** Counts the calls of `load`, to drop the response of an older one. */
  private loads = 0;
  private steps: Step[] = [];
  private stepsRequest: "none" | "pending" | "repeat" = "none";

  private readonly message = h("p", { class: "message" });
  private readonly reason = h("b", { class: "reason" });
  private readonly freshness = h("span");
  private readonly tiles = h("dl", { class: "tiles" });
  private readonly canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": t("chart") });
  private readonly readout = h("p", { class: "readout" });
  private readonly legend = h("p", { class: "legend" });
  private readonly forecast = h("ul", { class: "forecast-lines" });
  private readonly stepList = h("ol", { class: "steps" });
  private readonly historyList = h("ol", { class: "history", reversed: true });
  private readonly whatIf = new WhatIf(() => this.draw());
  private readonly path: string;
  private readonly workerTable: WorkerTable;
  private readonly whyNot: WhyNot;
  private readonly explanation: HTMLElement;
  private readonly rangeButtons: HTMLElement;
  private readonly freezeButton: HTMLButtonElement;

  constructor(private readonly store: Store, private readonly namespace: string, private readonly name: string) {
    this.path = `/api/pools/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
    this.workerTable = new WorkerTable(this.path, () => this.store.time(Date.now()), () => this.pool && this.workerTable.show(this.pool));
    this.whyNot = new WhyNot(this.path, name);
    this.freezeButton = h("button", { onclick: () => this.toggleFreeze() });
    this.rangeButtons = h("span", { class: "ranges", role: "group", "aria-label": t("range") },
      ...RANGES.map((minutes, i) => h("button", { onclick: () => this.setRange(i) }, minutes < 60 ? `${minutes} min` : "1 h")));
    this.explanation = h("section", {}, h("h2", {}, t("explanation")), this.stepList);
    this.node = h("article", { class: "detail" },
      h("nav", {}, h("a", { href: "#/" }, `‹ ${t("pools")}`)),
      h("div", { class: "hero" },
        h("div", {},
          h("header", {}, h("h1", {}, h("small", {}, `${namespace}/`), name), this.reason),
          this.message, h("p", { class: "muted" }, this.whyNot.button, this.freshness), this.whyNot.node),
        h("section", { class: "forecast" }, h("h2", {}, t("nextChanges")), this.forecast)),
      h("div", { class: "main" },
        h("section", { class: "panel", "aria-label": t("workers") }, this.tiles),
        h("section", { class: "charts" },
          h("div", { class: "controls" }, this.rangeButtons, this.freezeButton, this.readout),
          this.canvas, this.legend)),
      this.whatIf.node,
      this.workerTable.node,
      h("div", { class: "below" },
        this.explanation,
        h("section", {}, h("h2", {}, t("history")), this.historyList)),
      h("p", { class: "hint" }, t("readonly"), " ", h("code", {}, `kubectl workerpool -n ${namespace} explain ${name}`)));
    this.listen();
    this.setRange(this.range);
    void this.load();
  }

  private listen(): void {
    this.whatIf.node.addEventListener("toggle", () => this.whatIf.open && this.setRange(RANGES.length - 1));
    this.canvas.addEventListener("pointerdown", (event) => {
      this.dragged = this.thresholdAt(event.offsetY);
      if (this.dragged) this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => this.onPointerMove(event));
    for (const end of ["pointerup", "pointercancel"] as const) this.canvas.addEventListener(end, () => (this.dragged = null));
    this.canvas.addEventListener("pointerleave", () => this.setCursor(null));
    this.canvas.addEventListener("blur", () => this.setCursor(null));
  }

  /** Loads the pool's history: at first, and after the stream has reconnected. */
  private async load(): Promise<void> {
    const load = ++this.loads;
    try {
      const response = await fetch(this.path);
      if (load !== this.loads) return;
      if (!response.ok) return this.draw();
      const { history, samples, readAt } = (await response.json()) as PoolResponse;
      this.timeline = new Timeline(samples, readAt);
      this.changes = history;
      const first = this.changes[0];
      this.olderChanges = this.timeline.changes(first ? Date.parse(first.at) - 1_000 : Infinity);
    } catch {
      // The stream reports when the operator is back.
    }
    this.draw();
    this.showStatus();
    void this.loadSteps();
    this.workerTable.request();
  }

  /** Loads the steps of the last decision. They are long and only this page shows them, so the stream leaves them out. */
  private async loadSteps(): Promise<void> {
    if (this.stepsRequest !== "none") return void (this.stepsRequest = "repeat");
    this.stepsRequest = "pending";
    try {
      const response = await fetch(`${this.path}/steps`);
      this.steps = ((await response.json()) as Step[] | null) ?? [];
      this.showStatus();
    } catch {
      // The next decision loads them again.
    }
    const repeat = (this.stepsRequest as string) === "repeat";
    this.stepsRequest = "none";
    if (repeat) void this.loadSteps();
  }

  private get pool(): Pool | undefined {
    return this.store.find(this.namespace, this.name);
  }

  /** Shows what changed in the store; returns the message that a screen reader should announce, or an empty one. */
  update(changed: Changed): string {
    const { pool } = this;
    if (changed.full) void this.load();
    const announcement = pool && !changed.full ? this.record(pool, changed) : "";
    this.draw();
    const updated = !!pool && changed.pools.includes(pool.id);
    if (changed.full || updated || !pool) this.showStatus();
    if (updated && !changed.full) {
      void this.loadSteps();
      void this.whyNot.request();
    }
    if (pool && (updated || pool.readAt === this.store.now)) this.workerTable.request();
    return announcement;
  }

  /** Adds a poll and new changes; returns the message of the newest change. */
  private record(pool: Pool, changed: Changed): string {
    if (changed.samples.includes(pool.id)) this.timeline.record(this.store.now, pool.sample ?? undefined);
    else if (pool.readAt === this.store.now) this.timeline.record(this.store.now);
    let message = "";
    for (const change of changed.pools.includes(pool.id) ? pool.changes : []) {
      if (this.changes.some((old) => old.at === change.at)) continue;
      this.changes.push(change);
      message = explain(change).text;
    }
    return message;
  }

  /** The stream is broken since `now`. */
  disconnect(now: number): void {
    this.timeline.disconnect(now);
    this.draw();
  }

  tick(): void {
    this.draw();
    const { pool } = this;
    if (!pool) return;
    this.showHeadline(pool);
    this.showTimers(pool);
  }

  redraw(): void {
    this.draw();
  }

  /** Handles a key; false if this view does not use it. */
  onKey(key: string): boolean {
    const [from, to] = this.window();
    const step = (to - from) / 120;
    const cursor = this.cursor ?? to;
    if (key === "ArrowLeft") this.setCursor(Math.max(from, cursor - step));
    else if (key === "ArrowRight") this.setCursor(Math.min(to, cursor + step));
    else if (key === "Home") this.setCursor(from);
    else if (key === "End") this.setCursor(null);
    else if (key === " ") this.toggleFreeze();
    else if (key === "+" || key === "=") this.setRange(Math.max(0, this.range - 1));
    else if (key === "-") this.setRange(Math.min(RANGES.length - 1, this.range + 1));
    else return false;
    return true;
  }

  private setRange(range: number): void {
    this.range = range;
    [...this.rangeButtons.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === range)));
    this.draw();
  }

  private toggleFreeze(): void {
    this.frozenAt = this.frozenAt === null ? this.store.time(Date.now()) : null;
    this.draw();
  }

  private setCursor(at: number | null): void {
    this.cursor = at;
    this.draw();
  }

  private onPointerMove({ offsetX, offsetY }: PointerEvent): void {
    if (this.dragged) return this.whatIf.set(this.dragged, valueAt(offsetY, this.frame.queue));
    this.canvas.style.cursor = this.thresholdAt(offsetY) ? "ns-resize" : "";
    this.setCursor(timeAt(offsetX, this.frame, ...this.window()));
  }

  /** The threshold at this height that can be dragged; only while "What if" is open. */
  private thresholdAt(y: number): Threshold | null {
    const rules = this.whatIf.open && this.pool ? this.whatIf.rules(this.pool) : null;
    const isNear = (value: Cell | undefined) => typeof value === "number" && Math.abs(heightOf(value, this.frame.queue) - y) < 9;
    return isNear(rules?.queueUp) ? "queueUp" : isNear(rules?.queueDown) ? "queueDown" : null;
  }

  /** The time range that the charts show. */
  private window(): [from: number, to: number] {
    const to = this.frozenAt ?? this.store.time(Date.now());
    return [to - RANGES[this.range]! * 60_000, to];
  }

  /** Draws everything that moves with time or with the cursor. */
  private draw(): void {
    const { pool, timeline, cursor, frozenAt, whatIf } = this;
    if (!pool) return;
    const [from, to] = this.window();
    whatIf.show(pool);
    this.frame = drawChart(this.canvas, {
      pool, timeline, changes: [...this.olderChanges, ...this.changes], from, to, cursor,
      rules: whatIf.rules(pool), simulated: whatIf.open ? whatIf.simulated : [],
    });
    const shownAt = cursor ?? frozenAt;
    const sample = shownAt === null ? pool.sample : timeline.at(cursor ?? to);
    this.showTiles(pool, sample, shownAt === null);
    this.showReadout(sample, shownAt);
    setText(this.freezeButton, frozenAt ? `▶ ${t("follow")}` : `❚❚ ${t("freeze")}`);
    this.freezeButton.setAttribute("aria-pressed", String(!!frozenAt));
  }

  /** The tiles with the metrics of now, or of the time that the reader points at. */
  private showTiles(pool: Pool, sample: Sample | null, live: boolean): void {
    const tiles = [...metricTiles(sample), ...(live ? liveTiles(pool) : [targetTile(formatMetric(sample?.desired))])];
    while (this.tiles.children.length < tiles.length) this.tiles.append(h("div", {}, h("dt"), h("dd")));
    [...this.tiles.children].forEach((child, i) => {
      const element = child as HTMLElement;
      const tile = tiles[i];
      element.hidden = !tile;
      if (!tile) return;
      const [icon, title, value, state] = tile;
      const term = element.firstElementChild as HTMLElement;
      if (term.textContent !== icon + title) term.replaceChildren(h("span", { "aria-hidden": "true" }, icon), title);
      setText(element.lastElementChild as HTMLElement, value);
      setData(element, "recommendation", state ?? "");
    });
  }

  private showReadout(sample: Sample | null, at: number | null): void {
    if (at === null) return setText(this.readout, "");
    const tolerance = (RANGES[this.range]! * 60_000) / 100;
    const change = this.changes.filter((change) => Math.abs(Date.parse(change.at) - at) < tolerance).at(-1);
    setText(this.readout, [
      this.cursor === null ? `${t("frozen")} ${formatTime(at)}` : formatTime(at),
      `${formatMetric(sample?.ready)} ${t("waiting")}`,
      `${formatMetric(sample?.busy)}/${formatMetric(sample?.live)} ${t("busy").toLowerCase()}${percentBusy(sample)}`,
      `${formatMetric(sample?.desired)} ${t("desired")}`,
      change ? explain(change).text : sample?.reason ? reasonText(sample.reason) : t("unknown"),
    ].join(" · "));
  }

  /** What changes seldom: message, legend, steps and history. */
  private showStatus(): void {
    const { pool } = this;
    if (!pool) {
      this.node.replaceChildren(h("nav", {}, h("a", { href: "#/" }, `‹ ${t("pools")}`)), h("p", { class: "empty" }, t("notFound")));
      return;
    }
    this.showHeadline(pool);
    const key = (name: string, text: string) => h("span", {}, h("i", { class: `key ${name}`, "aria-hidden": "true" }), text);
    this.legend.replaceChildren(key("busy", t("busy")), key("idle", t("idleWorkers")), key("desired", t("desired")),
      key("threshold", t("threshold")), h("span", {}, `▲▼ ${t("decision")}`), key("simulated", t("whatIf")));
    this.explanation.hidden = !this.steps.length;
    this.stepList.replaceChildren(...this.steps.map((step) => {
      const [name, detail] = stepText(step);
      return h("li", {}, h("b", {}, name), " ", detail);
    }));
    this.historyList.replaceChildren(...this.changes.slice().reverse().map((change) => this.historyLine(change)));
    if (!this.changes.length) this.historyList.replaceChildren(h("li", { class: "empty" }, t("noHistory")));
    this.showTimers(pool);
  }

  private historyLine(change: Change): HTMLElement {
    const { at, from, to, latencyMillis } = change;
    const { text, known } = explain(change);
    const latency = latencyMillis === undefined ? "" : `, ${t("afterPush", { millis: latencyMillis })}`;
    return h("li", { class: to > from ? "up" : "down" },
      h("time", { datetime: at }, formatTimestamp(Date.parse(at), this.store.now)),
      h("b", {}, `${to > from ? "▲" : "▼"} ${from} → ${to}`), h("span", known ? {} : { lang: "en" }, text, latency));
  }

  private showHeadline(pool: Pool): void {
    setData(this.node, "rank", String(rank(pool)));
    const message = currentMessage(pool);
    setText(this.message, message.text);
    setData(this.message, "long", String(message.text.length > 100));
    this.message.lang = message.known ? "" : "en";
    setText(this.reason, reasonLabel(pool));
  }

  /** Countdowns and ages, which change with time alone. */
  private showTimers(pool: Pool): void {
    const now = this.store.time(Date.now());
    this.whyNot.show(pool, replicasText(pool) + " " + t("workers").toLowerCase() + (pool.bounds ? ` (${pool.bounds.join("–")})` : ""));
    this.workerTable.show(pool);
    setText(this.freshness, this.freshnessText(pool, now));
    const lines = forecastLines(pool, now);
    while (this.forecast.children.length < lines.length) this.forecast.append(h("li", {}, h("b"), " ", h("span"), h("progress", { max: 1 })));
    while (this.forecast.children.length > lines.length) this.forecast.lastElementChild?.remove();
    lines.forEach(({ title, text, progress }, i) => {
      const [titleNode, textNode, bar] = this.forecast.children[i]!.children as unknown as [HTMLElement, HTMLElement, HTMLProgressElement];
      setText(titleNode, title);
      setText(textNode, text);
      bar.hidden = progress === null;
      bar.value = progress ?? 0;
    });
  }

  private freshnessText(pool: Pool, now: number): string {
    const parts = [""];
    if (pool.readAt) parts.push(`${t("read")} ${formatAge(now - pool.readAt)}`);
    if (pool.decision) parts.push(`${Math.round(pool.decision.confidence * 100)} % ${t("metricsAvailable")}`);
    const last = this.changes.at(-1);
    if (last) parts.push(`${t("lastChange")}: ${last.from} → ${last.to} ${formatAge(now - Date.parse(last.at))}`);
    const latencies = this.changes.flatMap(({ latencyMillis }) => latencyMillis ?? []).sort((a, b) => a - b);
    if (latencies.length) parts.push(`${t("scaleLatency")} ${latencies[(latencies.length - 1) >> 1]} ms, ${t("max")} ${latencies.at(-1)} ms`);
    return parts.join(" · ");
  }
}

function metricTiles(sample: Sample | null): Tile[] {
  return [
    ["📊", t("queueLength"), formatMetric(sample?.ready)],
    ["⏳", t("wait"), formatWait(sample?.wait)],
    ["👷", t("activeWorkers"), formatMetric(sample?.live)],
    ["⚡\uFE0F", t("busyWorkers"), `${formatMetric(sample?.busy)}${percentBusy(sample)}`],
    ["🖥️", t("cpu"), formatMetric(sample?.cpu, " %")],
  ];
}

/** What is known only of the present. */
function liveTiles(pool: Pool): Tile[] {
  const { action, replicas } = recommendation(pool);
  const desired = formatMetric(pool.pending?.to ?? pool.desiredReplicas);
  return [
    ["⏱️", t("avgTime"), typeof pool.taskMillis === "number" ? `${(pool.taskMillis / 1000).toFixed(1)} s` : "?"],
    ["✅", t("success"), (pool.success ?? "?").replace("%", " %")],
    [{ up: "🔺", down: "🔻", hold: "⏸️" }[action], t("recommendation"), t(action), action],
    targetTile(action === "hold" || replicas === null ? desired : `${desired} → ${replicas}`),
    ["🗂️", t("others"), (pool.others ?? []).map((n) => formatMetric(n)).join(" · ") || "?"],
    ["📈", t("eta"), (pool.eta ?? "?").replace(/^-$/, "–").replace(/(\d)([a-z])/g, "$1 $2")],
  ];
}

function targetTile(value: string): Tile {
  return ["🎯", t("target"), value];
}

/** ` (80 %)`, or nothing where it is unknown. */
function percentBusy(sample: Sample | null): string {
  const percent = utilization(sample);
  return percent !== undefined ? ` (${percent} %)` : "";
}
