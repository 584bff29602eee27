/** Queue, wait and workers of one pool over time, on one canvas with one time axis. */
import { clock, t } from "./lang";
import { palette, sharp, type Palette } from "./palette";
import { BUSY, LIVE, READY, WAIT, WANTED, type Change, type Pool, type Rules } from "./store";
import { cooldowns, ticks, timeStep, type Track, type Window } from "./track";

export interface Scene {
  pool: Pool;
  track: Track;
  changes: Change[];
  from: number;
  to: number;
  /** Where the reader points, in time. */
  cursor: number | null;
  /** The rules whose thresholds are drawn, and what would have been wanted by them. */
  rules: Rules | null;
  what: [number, number][];
}

/** Where things are: the edges of the plots, and the plot of the queue. */
export interface Frame { left: number; right: number; queue: Plot }

type Pen = CanvasRenderingContext2D;
export interface Plot { top: number; bottom: number; max: number }

export function chart(canvas: HTMLCanvasElement, scene: Scene): Frame {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const colours = palette();
  const em = colours.font * 0.78;
  const frame: Frame = { left: em * 6.4, right: width - em * 4.2, queue: { top: 0, bottom: 0, max: 1 } };
  const pen = width ? sharp(canvas, width, height) : null;
  if (!pen) return frame;
  pen.font = `${em}px system-ui, sans-serif`;
  const draw = new Draw(pen, colours, em, frame, scene);

  const lanes = em * 1.15 * 3;
  const room = height - em * 2.2 - lanes - em * 6.2;
  let top = em * 1.7;
  const plot = (share: number, max: number): Plot => {
    const made = { top, bottom: top + room * share, max };
    top = made.bottom + em * 2;
    return made;
  };
  const { pool, track, from, to, rules } = scene;
  const limit = rules?.queueUp ?? 0;
  const most = (column: number) => track.max(column, from, to);
  const queue = plot(0.37, Math.max(4, most(READY), limit * 1.35) * 1.08);
  frame.queue = queue;
  const patience = pool.rules?.maxWait ? pool.rules.maxWait / 1000 : null;
  const wait = plot(0.2, Math.max(10, most(WAIT), patience ?? 0) * 1.1);
  const peak = Math.max(most(LIVE), most(WANTED), 3, ...scene.what.map(([, to]) => to));
  const bound = pool.bounds && pool.bounds[1] <= peak * 4 ? pool.bounds[1] : 0;
  const workers = plot(0.43, Math.max(peak, bound) * 1.12);
  const bottom = workers.bottom + lanes + em * 0.9;

  draw.unknown(queue.top, workers.bottom);
  draw.axis(queue, t("queue"), 3);
  draw.axis(wait, t("wait"), 2, " s");
  draw.axis(workers, t("workers"), 4);
  draw.time(bottom);

  draw.area(queue, READY, colours.queue, 0.2);
  draw.limit(queue, rules?.queueUp ?? null, "> ", colours.up);
  draw.limit(queue, rules?.queueDown ?? null, "< ", colours.down);
  draw.area(wait, WAIT, colours.wait, 0.16);
  draw.limit(wait, patience, "max ", colours.up, " s");
  draw.area(workers, LIVE, colours.idle, 0.35);
  draw.area(workers, BUSY, colours.busy, 0.75);
  draw.limit(workers, pool.bounds?.[0] ?? null, "min ", colours.dim);
  draw.limit(workers, bound || null, "max ", colours.dim);
  draw.step(workers, WANTED, colours.wanted, 2.5);
  draw.would(workers, scene.what, colours.trouble);

  draw.lane(workers.bottom + em * 1.1, t("cooldownUp"), cooldowns(scene.changes, pool.rules, true), colours.up, 45, workers);
  draw.lane(workers.bottom + em * 2.25, t("cooldownDown"), cooldowns(scene.changes, pool.rules, false), colours.down, -45);
  draw.lane(workers.bottom + em * 3.4, t("idle"), track.idle(from, to), colours.idle, 0, workers);
  draw.changes(queue.top, workers);
  draw.cursor(queue.top, bottom);
  return frame;
}

/** The number at a height of a plot. */
export function numberAt(y: number, plot: Plot): number {
  return Math.round(Math.max(0, Math.min(1, (plot.bottom - y) / (plot.bottom - plot.top))) * plot.max);
}

/** The height of a number in a plot. */
export function heightOf(n: number, plot: Plot): number {
  return plot.bottom - (Math.min(n, plot.max) / plot.max) * (plot.bottom - plot.top);
}

/** The time under a place on the canvas. */
export function timeAt(x: number, frame: Frame, from: number, to: number): number {
  const share = (x - frame.left) / (frame.right - frame.left);
  return from + Math.min(1, Math.max(0, share)) * (to - from);
}

class Draw {
  constructor(
    private readonly pen: Pen, private readonly colours: Palette, private readonly em: number,
    private readonly frame: Frame, private readonly scene: Scene,
  ) {}

  private x(time: number): number {
    const { from, to } = this.scene;
    return this.frame.left + ((time - from) / (to - from)) * (this.frame.right - this.frame.left);
  }

  private y(plot: Plot, n: number): number {
    return heightOf(n, plot);
  }

  private stroke(colour: string, width: number, dash: number[], path: (pen: Pen) => void): void {
    const { pen } = this;
    pen.beginPath();
    path(pen);
    pen.setLineDash(dash);
    [pen.strokeStyle, pen.lineWidth] = [colour, width];
    pen.stroke();
    pen.setLineDash([]);
  }

  private text(words: string, x: number, y: number, colour: string, align: CanvasTextAlign = "left"): void {
    [this.pen.fillStyle, this.pen.textAlign, this.pen.textBaseline] = [colour, align, "middle"];
    this.pen.fillText(words, x, y);
  }

  axis(plot: Plot, title: string, wanted: number, unit = ""): void {
    const { colours, frame, em } = this;
    for (const n of ticks(plot.max, wanted)) {
      const y = Math.round(this.y(plot, n)) + 0.5;
      this.stroke(colours.line, 1, [], (pen) => (pen.moveTo(frame.left, y), pen.lineTo(frame.right, y)));
      this.text(`${n}${unit}`, frame.left - em * 0.5, y, colours.dim, "right");
    }
    this.pen.font = `600 ${em}px system-ui, sans-serif`;
    this.text(title, 0, plot.top - em * 0.75, colours.ink);
    this.pen.font = `${em}px system-ui, sans-serif`;
  }

  time(bottom: number): void {
    const { from, to } = this.scene;
    const step = timeStep(to - from, (this.frame.right - this.frame.left) / (this.em * 6));
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      this.text(clock(at, step < 60_000), this.x(at), bottom + this.em * 0.9, this.colours.dim, "center");
    }
  }

  /** Calls back with each stretch of known values, as points of a stepped line. */
  private runs(plot: Plot, column: number, done: (points: [number, number][]) => void): void {
    const { track, from, to } = this.scene;
    let points: [number, number][] = [];
    const end = Math.min(to, track.end);
    for (let i = Math.max(0, track.find(from)); i < track.rows.length && track.times[i]! < end; i++) {
      const n = track.rows[i]![column] ?? -1;
      if (n < 0) {
        if (points.length) done(points);
        points = [];
        continue;
      }
      const y = this.y(plot, n);
      points.push([this.x(Math.max(from, track.times[i]!)), y], [this.x(Math.min(end, track.times[i + 1] ?? end)), y]);
    }
    if (points.length) done(points);
  }

  area(plot: Plot, column: number, colour: string, alpha: number): void {
    this.runs(plot, column, (points) => {
      const { pen } = this;
      this.stroke(colour, 1.5, [], () => points.forEach(([x, y]) => pen.lineTo(x, y)));
      pen.lineTo(points.at(-1)![0], plot.bottom);
      pen.lineTo(points[0]![0], plot.bottom);
      [pen.fillStyle, pen.globalAlpha] = [colour, alpha];
      pen.fill();
      pen.globalAlpha = 1;
    });
  }

  step(plot: Plot, column: number, colour: string, width: number): void {
    this.runs(plot, column, (points) => {
      this.stroke(colour, width, [], (pen) => points.forEach(([x, y]) => pen.lineTo(x, y)));
    });
  }

  /** What would have been wanted: dashed, so that it is not taken for what was. */
  would(plot: Plot, what: [number, number][], colour: string): void {
    const { from, to, track } = this.scene;
    const end = Math.min(to, track.end);
    const shown = what.map(([at, n], i) => [Math.max(from, at), Math.min(end, what[i + 1]?.[0] ?? end), n] as const);
    this.stroke(colour, 2.5, [7, 4], (pen) => shown.filter(([start, stop]) => stop > start).forEach(([start, stop, n]) => {
      pen.lineTo(this.x(start), this.y(plot, n));
      pen.lineTo(this.x(stop), this.y(plot, n));
    }));
  }

  limit(plot: Plot, n: number | null, sign: string, colour: string, unit = ""): void {
    if (n === null || n > plot.max) return;
    const { frame, em } = this;
    const y = Math.round(this.y(plot, n)) + 0.5;
    this.stroke(colour, 1.25, [5, 4], (pen) => (pen.moveTo(frame.left, y), pen.lineTo(frame.right, y)));
    this.text(`${sign}${n}${unit}`, frame.right + em * 0.35, y, colour);
  }

  private inside({ from, to }: Window): Window | null {
    const [a, b] = [Math.max(from, this.scene.from), Math.min(to, this.scene.to)];
    return b > a ? { from: this.x(a), to: this.x(b) } : null;
  }

  /** A row of windows under the workers; with `over`, each shades the plot above it too. */
  lane(y: number, title: string, windows: Window[], colour: string, slant: number, over?: Plot): void {
    const { pen, em, frame } = this;
    const height = em * 0.75;
    this.text(title, frame.left - em * 0.5, y, this.colours.dim, "right");
    this.stroke(this.colours.line, 1, [], () => (pen.moveTo(frame.left, y), pen.lineTo(frame.right, y)));
    for (const window of windows) {
      const seen = this.inside(window);
      if (!seen) continue;
      const [x, width] = [seen.from, Math.max(1.5, seen.to - seen.from)];
      pen.fillStyle = colour;
      pen.globalAlpha = 0.3;
      pen.fillRect(x, y - height / 2, width, height);
      pen.globalAlpha = 0.07;
      if (over) pen.fillRect(x, over.top, width, over.bottom - over.top);
      pen.globalAlpha = 0.9;
      this.hatch(x, y - height / 2, width, height, colour, slant);
      pen.globalAlpha = 1;
    }
  }

  /** Lines as well as colour, so that windows differ without it. */
  private hatch(x: number, y: number, width: number, height: number, colour: string, slant: number): void {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(x, y, width, height);
    pen.clip();
    this.stroke(colour, 1, [], () => {
      if (!slant) return pen.rect(x, y, width, height);
      // From a fixed origin, so that nothing crawls when the window does not move.
      for (let at = Math.floor((x - height) / 6) * 6; at < x + width + height; at += 6) {
        pen.moveTo(at, slant > 0 ? y + height : y);
        pen.lineTo(at + height, slant > 0 ? y : y + height);
      }
    });
    pen.restore();
  }

  unknown(top: number, bottom: number): void {
    const { track, from, to } = this.scene;
    const all = track.unknown(from, to);
    if (track.end > from && track.end < to - 5_000) all.push({ from: track.end, to });
    for (const window of all) {
      const seen = this.inside(window);
      if (!seen) continue;
      this.pen.globalAlpha = 0.35;
      this.hatch(seen.from, top, seen.to - seen.from, bottom - top, this.colours.dim, 45);
      this.pen.globalAlpha = 1;
      const words = `? ${t("unknownMark")}`;
      if (seen.to - seen.from > this.pen.measureText(words).width) {
        this.text(words, (seen.from + seen.to) / 2, top + this.em, this.colours.trouble, "center");
      }
    }
  }

  /** Each decision: a line through all plots, a triangle, and the numbers where there is room. */
  changes(top: number, plot: Plot): void {
    const { pen, em, colours, scene } = this;
    const seen = scene.changes.filter(({ at }) => Date.parse(at) >= scene.from && Date.parse(at) <= scene.to);
    for (const [i, change] of seen.entries()) {
      const [x, up] = [this.x(Date.parse(change.at)), change.to > change.from];
      const next = seen[i + 1] ? this.x(Date.parse(seen[i + 1]!.at)) : this.frame.right + em * 4;
      const colour = up ? colours.up : colours.down;
      // Many decisions would draw a fence.
      pen.globalAlpha = seen.length > 16 ? 0.2 : 0.55;
      this.stroke(colour, 1, [2, 3], () => (pen.moveTo(x, top), pen.lineTo(x, plot.bottom)));
      pen.globalAlpha = 1;
      const y = plot.top - em * 0.75;
      const r = em * 0.42;
      pen.beginPath();
      pen.moveTo(x - r, up ? y + r : y - r);
      pen.lineTo(x + r, up ? y + r : y - r);
      pen.lineTo(x, up ? y - r : y + r);
      pen.fillStyle = colour;
      pen.fill();
      const words = `${change.from}→${change.to}`;
      if (x + pen.measureText(words).width + r * 3 < next) this.text(words, x + r * 1.4, y, colours.ink);
    }
  }

  cursor(top: number, bottom: number): void {
    if (this.scene.cursor === null) return;
    const x = this.x(this.scene.cursor);
    this.stroke(this.colours.ink, 1.25, [], (pen) => (pen.moveTo(x, top), pen.lineTo(x, bottom)));
  }
}
