/** One pool: its sentence, the class's panel, its charts through time, what may happen next, and its history. */
import { chart, heightOf, numberAt, timeAt, type Frame } from "./chart";
import { Crew } from "./crew";
import { h, mark, put } from "./dom";
import { ago, clock, fact, reasonText, t, waited, when } from "./lang";
import { upcoming } from "./next";
import { rank } from "./order";
import { sentence, step as said } from "./sentence";
import { BUSY, CPU, LIVE, READY, REASON, WAIT, WANTED, type Cell, type Change, type Changed, type Facts, type Pool, type Step, type Store } from "./store";
import { Track, utilization } from "./track";
import { WhatIf } from "./whatif";
import { WhyNot } from "./whynot";
import { aim, why, word, workers } from "./words";

/** Minutes that the chart may show. */
const RANGES = [2, 5, 15, 60];

interface Answer { now: number; looked: number; pool: Pool; history: Change[]; trace: [number, Cell[]][] }

export class Detail {
  readonly node: HTMLElement;
  private track = new Track();
  private changes: Change[] = [];
  /** What the charts show before the history begins. */
  private older: Change[] = [];
  private range = 1;
  private frozen: number | null = null;
  private cursor: number | null = null;
  private frame: Frame = { left: 0, right: 1, queue: { top: 0, bottom: 1, max: 1 } };
  private dragged: "queueUp" | "queueDown" | null = null;
  private asked = 0;
  private steps: Step[] = [];
  private retracing: "" | "once" | "again" = "";

  private readonly hero = h("p", { class: "sentence" });
  private readonly word = h("b", { class: "word" });
  private readonly since = h("span");
  private readonly tiles = h("dl", { class: "tiles" });
  private readonly canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": t("chart") });
  private readonly readout = h("p", { class: "readout" });
  private readonly legend = h("p", { class: "legend" });
  private readonly next = h("ul", { class: "next" });
  private readonly trail = h("ol", { class: "trail" });
  private readonly past = h("ol", { class: "history", reversed: true });
  private readonly what = new WhatIf(() => this.paint());
  private readonly path: string;
  private readonly crew: Crew;
  private readonly other: WhyNot;
  private readonly explanation: HTMLElement;
  private readonly ranges: HTMLElement;
  private readonly freezer: HTMLButtonElement;

  constructor(private readonly store: Store, private readonly namespace: string, private readonly name: string) {
    this.path = `/api/pools/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
    this.crew = new Crew(this.path, () => this.store.time(Date.now()), () => this.pool && this.crew.show(this.pool));
    this.other = new WhyNot(this.path, name);
    this.freezer = h("button", { onclick: () => this.freeze() });
    this.ranges = h("span", { class: "ranges", role: "group", "aria-label": t("range") },
      ...RANGES.map((minutes, i) => h("button", { onclick: () => this.show(i) }, minutes < 60 ? `${minutes} min` : "1 h")));
    this.explanation = h("section", {}, h("h2", {}, t("explanation")), this.trail);
    this.node = h("article", { class: "detail" },
      h("nav", {}, h("a", { href: "#/" }, `‹ ${t("pools")}`)),
      h("div", { class: "hero" },
        h("div", {},
          h("header", {}, h("h1", {}, h("small", {}, `${namespace}/`), name), this.word),
          this.hero, h("p", { class: "since" }, this.other.button, this.since), this.other.node),
        h("section", { class: "ahead" }, h("h2", {}, t("clocks")), this.next)),
      h("div", { class: "board" },
        h("section", { class: "panel", "aria-label": t("workers") }, this.tiles),
        h("section", { class: "time" },
          h("div", { class: "controls" }, this.ranges, this.freezer, this.readout),
          this.canvas, this.legend)),
      this.what.node,
      this.crew.node,
      h("div", { class: "below" },
        this.explanation,
        h("section", {}, h("h2", {}, t("history")), this.past)),
      h("p", { class: "hint" }, t("readonly"), " ", h("code", {}, `kubectl workerpool -n ${namespace} explain ${name}`)));
    this.what.node.addEventListener("toggle", () => this.what.open && this.show(RANGES.length - 1));
    this.canvas.addEventListener("pointerdown", (event) => {
      this.dragged = this.threshold(event.offsetY);
      if (this.dragged) this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"] as const) this.canvas.addEventListener(end, () => (this.dragged = null));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("blur", () => this.point(null));
    this.show(this.range);
    void this.load();
  }

  /** Everything anew from the operator: at first, and when the stream was broken in between. */
  private async load(): Promise<void> {
    const turn = ++this.asked;
    try {
      const answer = await fetch(this.path);
      if (turn !== this.asked) return;
      if (!answer.ok) return this.paint();
      const { history, trace, looked } = (await answer.json()) as Answer;
      this.track = new Track(trace, looked);
      this.changes = history;
      const first = this.changes[0];
      this.older = this.track.steps(first ? Date.parse(first.at) - 1_000 : Infinity, this.store.reasons);
    } catch {
      // The stream tells when the operator is back.
    }
    this.paint();
    this.telling();
    void this.retrace();
    this.crew.ask();
  }

  /** The steps of the last decision: long, and of one pool only, so they do not come by the stream. */
  private async retrace(): Promise<void> {
    if (this.retracing) return void (this.retracing = "again");
    this.retracing = "once";
    try {
      const answer = await fetch(`${this.path}/steps`);
      this.steps = ((await answer.json()) as Step[] | null) ?? [];
      this.telling();
    } catch {
      // The next decision asks anew.
    }
    const again = (this.retracing as string) === "again";
    this.retracing = "";
    if (again) void this.retrace();
  }

  private get pool(): Pool | undefined {
    return this.store.find(this.namespace, this.name);
  }

  /** What changed in the store; gives back what a listener should hear. */
  update(changed: Changed): string {
    const { pool } = this;
    if (changed.full) void this.load();
    let heard = "";
    if (pool && !changed.full) {
      if (changed.facts.includes(pool.id)) this.track.look(this.store.now, pool.facts ?? undefined);
      else if (pool.looked === this.store.now) this.track.look(this.store.now);
      for (const change of changed.words.includes(pool.id) ? pool.changes : []) {
        if (this.changes.some((old) => old.at === change.at)) continue;
        this.changes.push(change);
        heard = sentence(change.message, Date.parse(change.at)).text;
      }
    }
    this.paint();
    const told = !!pool && changed.words.includes(pool.id);
    if (changed.full || told || !pool) this.telling();
    if (told && !changed.full) {
      void this.retrace();
      void this.other.ask();
    }
    if (pool && (told || pool.looked === this.store.now)) this.crew.ask();
    return heard;
  }

  lose(now: number): void {
    this.track.lose(now);
    this.paint();
  }

  tick(): void {
    this.paint();
    const { pool } = this;
    if (!pool) return;
    this.headline(pool);
    this.clocks(pool);
  }

  repaint(): void {
    this.paint();
  }

  key(key: string): boolean {
    const [from, to] = this.view();
    const step = (to - from) / 120;
    const now = this.cursor ?? to;
    if (key === "ArrowLeft") this.point(Math.max(from, now - step));
    else if (key === "ArrowRight") this.point(Math.min(to, now + step));
    else if (key === "Home") this.point(from);
    else if (key === "End") this.point(null);
    else if (key === " ") this.freeze();
    else if (key === "+" || key === "=") this.show(Math.max(0, this.range - 1));
    else if (key === "-") this.show(Math.min(RANGES.length - 1, this.range + 1));
    else return false;
    return true;
  }

  private show(range: number): void {
    this.range = range;
    [...this.ranges.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === range)));
    this.paint();
  }

  private freeze(): void {
    this.frozen = this.frozen === null ? this.store.time(Date.now()) : null;
    this.paint();
  }

  private move({ offsetX, offsetY }: PointerEvent): void {
    if (this.dragged) return this.what.set(this.dragged, numberAt(offsetY, this.frame.queue));
    this.canvas.style.cursor = this.threshold(offsetY) ? "ns-resize" : "";
    this.point(timeAt(offsetX, this.frame, ...this.view()));
  }

  /** The threshold that can be dragged at this height, while the reader asks what if. */
  private threshold(y: number): "queueUp" | "queueDown" | null {
    const rules = this.what.open && this.pool ? this.what.rules(this.pool) : null;
    const near = (n: Cell | undefined) => typeof n === "number" && Math.abs(heightOf(n, this.frame.queue) - y) < 9;
    return near(rules?.queueUp) ? "queueUp" : near(rules?.queueDown) ? "queueDown" : null;
  }

  private point(at: number | null): void {
    this.cursor = at;
    this.paint();
  }

  private view(): [number, number] {
    const to = this.frozen ?? this.store.time(Date.now());
    return [to - RANGES[this.range]! * 60_000, to];
  }

  private paint(): void {
    const { pool } = this;
    if (!pool) return;
    const [from, to] = this.view();
    const { track, cursor } = this;
    const changes = [...this.older, ...this.changes];
    this.what.offer(pool);
    const what = this.what.open ? this.what.wanted : [];
    this.frame = chart(this.canvas, { pool, track, changes, from, to, cursor, rules: this.what.rules(pool), what });
    const [shown, live] = cursor !== null ? [track.at(cursor), false] : this.frozen ? [track.at(to), false] : [pool.facts, true];
    this.panel(pool, shown, live);
    this.read(shown, cursor ?? this.frozen);
    put(this.freezer, this.frozen ? `▶ ${t("follow")}` : `❚❚ ${t("freeze")}`);
    this.freezer.setAttribute("aria-pressed", String(!!this.frozen));
  }

  /** The class's panel, of now or of the moment that the reader points to. */
  private panel(pool: Pool, facts: Facts | null, live: boolean): void {
    const share = utilization(facts);
    const { aim: to, to: target } = aim(pool);
    const wanted = live ? (pool.pending?.[0] ?? pool.desiredReplicas) : facts?.[WANTED];
    const all: [string, string, string, string?][] = [
      ["📊", t("queueLength"), fact(facts?.[READY])],
      ["⏳", t("wait"), waited(facts?.[WAIT])],
      ["👷", t("activeWorkers"), fact(facts?.[LIVE])],
      ["⚡\uFE0F", t("busyWorkers"), `${fact(facts?.[BUSY])}${share !== null && share >= 0 ? ` (${share} %)` : ""}`],
      ["🖥️", t("cpu"), fact(facts?.[CPU], " %")],
    ];
    if (live) all.push(
      ["⏱️", t("avgTime"), typeof pool.taskMillis === "number" ? `${(pool.taskMillis / 1000).toFixed(1)} s` : "?"],
      ["✅", t("success"), (pool.success ?? "?").replace("%", " %")],
      [{ up: "🔺", down: "🔻", hold: "⏸️" }[to], t("recommendation"), t(to), to],
      ["🎯", t("target"), to === "hold" || target === null ? fact(wanted) : `${fact(wanted)} → ${target}`],
      ["📈", t("eta"), (pool.eta ?? "?").replace(/^-$/, "–").replace(/(\d)([a-z])/g, "$1 $2")],
    );
    else all.push(["🎯", t("target"), fact(wanted)]);
    while (this.tiles.children.length < all.length) this.tiles.append(h("div", {}, h("dt"), h("dd")));
    all.forEach(([icon, title, value, state], i) => {
      const tile = this.tiles.children[i] as HTMLElement;
      const term = tile.firstElementChild as HTMLElement;
      if (term.textContent !== icon + title) term.replaceChildren(h("span", { "aria-hidden": "true" }, icon), title);
      put(tile.lastElementChild as HTMLElement, value);
      mark(tile, "aim", state ?? "");
      tile.hidden = false;
    });
    for (let i = all.length; i < this.tiles.children.length; i++) (this.tiles.children[i] as HTMLElement).hidden = true;
  }

  private read(facts: Facts | null, at: number | null): void {
    if (at === null) return put(this.readout, "");
    const share = utilization(facts);
    const reason = facts?.[REASON];
    const near = this.changes.filter((change) => Math.abs(Date.parse(change.at) - at) < (RANGES[this.range]! * 60_000) / 100).at(-1);
    put(this.readout, [
      this.cursor === null ? `${t("frozen")} ${clock(at)}` : clock(at),
      `${fact(facts?.[READY])} ${t("waiting")}`,
      `${fact(facts?.[BUSY])}/${fact(facts?.[LIVE])} ${t("busy").toLowerCase()}${share !== null && share >= 0 ? ` (${share} %)` : ""}`,
      `${fact(facts?.[WANTED])} ${t("wanted")}`,
      near ? sentence(near.message, Date.parse(near.at)).text
        : typeof reason === "number" ? reasonText(this.store.reasons[reason] ?? "") : t("unknown"),
    ].join(" · "));
  }

  /** Words, which change seldom. */
  private telling(): void {
    const { pool, store } = this;
    if (!pool) {
      this.node.replaceChildren(h("nav", {}, h("a", { href: "#/" }, `‹ ${t("pools")}`)), h("p", { class: "empty" }, t("missing")));
      return;
    }
    this.headline(pool);
    const key = (name: string, words: string) => h("span", {}, h("i", { class: `key ${name}`, "aria-hidden": "true" }), words);
    this.legend.replaceChildren(key("busy", t("busy")), key("idle", t("ready")), key("wanted", t("wanted")),
      key("limit", t("threshold")), h("span", {}, `▲▼ ${t("decision")}`), key("would", t("whatIf")));
    this.explanation.hidden = !this.steps.length;
    this.trail.replaceChildren(...this.steps.map(({ name, detail }) => h("li", {}, h("b", {}, name), " ", said(detail, Date.parse(pool.decision!.at)))));
    this.past.replaceChildren(...this.changes.slice().reverse().map((change) => {
      const { text, known } = sentence(change.message, Date.parse(change.at));
      const up = change.to > change.from;
      const fast = change.latencyMillis === undefined ? "" : `, ${change.latencyMillis} ms ${t("afterPush")}`;
      return h("li", { class: up ? "up" : "down" },
        h("time", { datetime: change.at }, when(Date.parse(change.at), store.now)),
        h("b", {}, `${up ? "▲" : "▼"} ${change.from} → ${change.to}`), h("span", known ? {} : { lang: "en" }, text, fast));
    }));
    if (!this.changes.length) this.past.replaceChildren(h("li", { class: "empty" }, t("noHistory")));
    this.clocks(pool);
  }

  private headline(pool: Pool): void {
    mark(this.node, "rank", String(rank(pool)));
    const said = why(pool, this.store.now);
    put(this.hero, said.text);
    mark(this.hero, "long", String(said.text.length > 100));
    this.hero.lang = said.known ? "" : "en";
    put(this.word, word(pool));
  }

  /** Countdowns and ages, which move with time alone. */
  private clocks(pool: Pool): void {
    const now = this.store.time(Date.now());
    this.other.show(pool, workers(pool) + " " + t("workers").toLowerCase() + (pool.bounds ? ` (${pool.bounds.join("–")})` : ""));
    this.crew.show(pool);
    const parts = [""];
    if (pool.looked) parts.push(`${t("read")} ${ago(now - pool.looked)}`);
    if (pool.decision) parts.push(`${Math.round(pool.decision.confidence * 100)} % ${t("sure")}`);
    const last = this.changes.at(-1);
    if (last) parts.push(`${t("lastChange")}: ${last.from} → ${last.to} ${ago(now - Date.parse(last.at))}`);
    const reactions = this.changes.flatMap(({ latencyMillis }) => latencyMillis ?? []).sort((a, b) => a - b);
    if (reactions.length) parts.push(`${t("reaction")} ${reactions[(reactions.length - 1) >> 1]} ms, ${t("atMost")} ${reactions.at(-1)} ms`);
    put(this.since, parts.join(" · "));
    const lines = upcoming(pool, now);
    while (this.next.children.length < lines.length) this.next.append(h("li", {}, h("b"), " ", h("span"), h("progress", { max: 1 })));
    while (this.next.children.length > lines.length) this.next.lastElementChild?.remove();
    lines.forEach(({ title, text, share }, i) => {
      const [name, words, bar] = this.next.children[i]!.children as unknown as [HTMLElement, HTMLElement, HTMLProgressElement];
      put(name, title);
      put(words, text);
      bar.hidden = share === null;
      bar.value = share ?? 0;
    });
  }
}
