/** Queue, wait and workers of one pool over time: three plots on one canvas with one time axis. */
import { formatTime } from "./catalogue";
import { t } from "./lang";
import { palette, prepareCanvas, type Palette } from "./palette";
import type { Change, Column, Pool, Rules } from "./store";
import { cooldowns, ticks, timeStep, type Timeline, type Window } from "./timeline";

export interface Scene {
  pool: Pool;
  timeline: Timeline;
  changes: Change[];
  from: number;
  to: number;
  /** The time that the reader points at. */
  cursor: number | null;
  /** The rules whose thresholds are drawn, and the desired replicas that they would have given. */
  rules: Rules | null;
  simulated: [at: number, replicas: number][];
}

/** One plot: its edges on the canvas, and the value at its top. */
export interface Plot { top: number; bottom: number; max: number }
/** The left and right edge of all plots, and the plot of the queue. */
export interface Frame { left: number; right: number; queue: Plot }

type Context = CanvasRenderingContext2D;

export function drawChart(canvas: HTMLCanvasElement, scene: Scene): Frame {
  const { clientWidth: width, clientHeight: height } = canvas;
  const colours = palette();
  const em = colours.font * 0.78;
  const frame: Frame = { left: em * 6.4, right: width - em * 4.2, queue: { top: 0, bottom: 0, max: 1 } };
  const context = width ? prepareCanvas(canvas, width, height) : null;
  if (!context) return frame;
  context.font = `${em}px system-ui, sans-serif`;
  const painter = new Painter(context, colours, em, frame, scene);
  const { pool, timeline, from, to, rules } = scene;

  const timersHeight = em * 1.15 * 3;
  const plotsHeight = height - em * 2.2 - timersHeight - em * 6.2;
  let top = em * 1.7;
  const addPlot = (share: number, max: number): Plot => {
    const plot = { top, bottom: top + plotsHeight * share, max };
    top = plot.bottom + em * 2;
    return plot;
  };
  const largest = (column: Column) => timeline.max(column, from, to);
  const queue = addPlot(0.37, Math.max(4, largest("ready"), (rules?.queueUp ?? 0) * 1.35) * 1.08);
  frame.queue = queue;
  const maxWait = pool.rules?.maxWait ? pool.rules.maxWait / 1000 : null;
  const wait = addPlot(0.2, Math.max(10, largest("wait"), maxWait ?? 0) * 1.1);
  const peak = Math.max(largest("live"), largest("desired"), 3, ...scene.simulated.map(([, replicas]) => replicas));
  const maxReplicas = pool.bounds && pool.bounds[1] <= peak * 4 ? pool.bounds[1] : 0;
  const workers = addPlot(0.43, Math.max(peak, maxReplicas) * 1.12);
  const bottom = workers.bottom + timersHeight + em * 0.9;

  painter.unavailable(queue.top, workers.bottom);
  painter.axis(queue, t("queue"), 3);
  painter.axis(wait, t("wait"), 2, " s");
  painter.axis(workers, t("workers"), 4);
  painter.timeAxis(bottom);

  painter.area(queue, "ready", colours.queue, 0.2);
  painter.threshold(queue, rules?.queueUp ?? null, "> ", colours.up);
  painter.threshold(queue, rules?.queueDown ?? null, "< ", colours.down);
  painter.area(wait, "wait", colours.wait, 0.16);
  painter.threshold(wait, maxWait, "max ", colours.up, " s");
  painter.area(workers, "live", colours.idle, 0.35);
  painter.area(workers, "busy", colours.busy, 0.75);
  painter.threshold(workers, pool.bounds?.[0] ?? null, "min ", colours.muted);
  painter.threshold(workers, maxReplicas || null, "max ", colours.muted);
  painter.line(workers, "desired", colours.desired, 2.5);
  painter.simulated(workers, colours.trouble);

  painter.timer(workers.bottom + em * 1.1, t("cooldownUp"), cooldowns(scene.changes, pool.rules, true), colours.up, 45, workers);
  painter.timer(workers.bottom + em * 2.25, t("cooldownDown"), cooldowns(scene.changes, pool.rules, false), colours.down, -45);
  painter.timer(workers.bottom + em * 3.4, t("idle"), timeline.idle(from, to), colours.idle, 0, workers);
  painter.changes(queue.top, workers);
  painter.cursor(queue.top, bottom);
  return frame;
}

/** The value at a height of a plot. */
export function valueAt(y: number, plot: Plot): number {
  return Math.round(Math.max(0, Math.min(1, (plot.bottom - y) / (plot.bottom - plot.top))) * plot.max);
}

/** The height of a value in a plot. */
export function heightOf(value: number, plot: Plot): number {
  return plot.bottom - (Math.min(value, plot.max) / plot.max) * (plot.bottom - plot.top);
}

/** The time at a horizontal position on the canvas. */
export function timeAt(x: number, frame: Frame, from: number, to: number): number {
  const share = (x - frame.left) / (frame.right - frame.left);
  return from + Math.min(1, Math.max(0, share)) * (to - from);
}

class Painter {
  constructor(
    private readonly context: Context, private readonly colours: Palette, private readonly em: number,
    private readonly frame: Frame, private readonly scene: Scene,
  ) {}

  private x(time: number): number {
    const { from, to } = this.scene;
    return this.frame.left + ((time - from) / (to - from)) * (this.frame.right - this.frame.left);
  }

  private stroke(colour: string, width: number, dash: number[], path: (context: Context) => void): void {
    const { context } = this;
    context.beginPath();
    path(context);
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
  }

  private text(text: string, x: number, y: number, colour: string, align: CanvasTextAlign = "left"): void {
    const { context } = this;
    context.fillStyle = colour;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(text, x, y);
  }

  axis(plot: Plot, title: string, tickCount: number, unit = ""): void {
    const { colours, context, frame, em } = this;
    for (const value of ticks(plot.max, tickCount)) {
      const y = Math.round(heightOf(value, plot)) + 0.5;
      this.stroke(colours.line, 1, [], () => (context.moveTo(frame.left, y), context.lineTo(frame.right, y)));
      this.text(`${value}${unit}`, frame.left - em * 0.5, y, colours.muted, "right");
    }
    context.font = `600 ${em}px system-ui, sans-serif`;
    this.text(title, 0, plot.top - em * 0.75, colours.text);
    context.font = `${em}px system-ui, sans-serif`;
  }

  timeAxis(bottom: number): void {
    const { from, to } = this.scene;
    const step = timeStep(to - from, (this.frame.right - this.frame.left) / (this.em * 6));
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      this.text(formatTime(at, step < 60_000), this.x(at), bottom + this.em * 0.9, this.colours.muted, "center");
    }
  }

  /** Calls back with each stretch of known values, as the points of a stepped line. */
  private forEachRun(plot: Plot, column: Column, callback: (points: [x: number, y: number][]) => void): void {
    const { timeline, from, to } = this.scene;
    let points: [number, number][] = [];
    const end = Math.min(to, timeline.end);
    for (let i = Math.max(0, timeline.indexAt(from)); i < timeline.rows.length && timeline.times[i]! < end; i++) {
      const value = timeline.rows[i]![column];
      if (typeof value !== "number") {
        if (points.length) callback(points);
        points = [];
        continue;
      }
      const y = heightOf(value, plot);
      points.push([this.x(Math.max(from, timeline.times[i]!)), y], [this.x(Math.min(end, timeline.times[i + 1] ?? end)), y]);
    }
    if (points.length) callback(points);
  }

  area(plot: Plot, column: Column, colour: string, alpha: number): void {
    const { context } = this;
    this.forEachRun(plot, column, (points) => {
      this.stroke(colour, 1.5, [], () => points.forEach(([x, y]) => context.lineTo(x, y)));
      context.lineTo(points.at(-1)![0], plot.bottom);
      context.lineTo(points[0]![0], plot.bottom);
      context.fillStyle = colour;
      context.globalAlpha = alpha;
      context.fill();
      context.globalAlpha = 1;
    });
  }

  line(plot: Plot, column: Column, colour: string, width: number): void {
    this.forEachRun(plot, column, (points) => {
      this.stroke(colour, width, [], (context) => points.forEach(([x, y]) => context.lineTo(x, y)));
    });
  }

  /** The simulated desired replicas, dashed to tell them from the actual ones. */
  simulated(plot: Plot, colour: string): void {
    const { from, to, timeline, simulated } = this.scene;
    const end = Math.min(to, timeline.end);
    this.stroke(colour, 2.5, [7, 4], (context) => simulated.forEach(([at, replicas], i) => {
      const start = Math.max(from, at);
      const stop = Math.min(end, simulated[i + 1]?.[0] ?? end);
      if (stop <= start) return;
      context.lineTo(this.x(start), heightOf(replicas, plot));
      context.lineTo(this.x(stop), heightOf(replicas, plot));
    }));
  }

  threshold(plot: Plot, value: number | null, prefix: string, colour: string, unit = ""): void {
    if (value === null || value > plot.max) return;
    const { frame, em } = this;
    const y = Math.round(heightOf(value, plot)) + 0.5;
    this.stroke(colour, 1.25, [5, 4], (context) => (context.moveTo(frame.left, y), context.lineTo(frame.right, y)));
    this.text(`${prefix}${value}${unit}`, frame.right + em * 0.35, y, colour);
  }

  /** The visible part of a window in canvas coordinates. */
  private clip({ from, to }: Window): Window | null {
    const start = Math.max(from, this.scene.from);
    const end = Math.min(to, this.scene.to);
    return end > start ? { from: this.x(start), to: this.x(end) } : null;
  }

  /** A bar of windows below the workers; where `shaded` is given, each window shades that plot too. */
  timer(y: number, title: string, windows: Window[], colour: string, slant: number, shaded?: Plot): void {
    const { context, em, frame } = this;
    const height = em * 0.75;
    this.text(title, frame.left - em * 0.5, y, this.colours.muted, "right");
    this.stroke(this.colours.line, 1, [], () => (context.moveTo(frame.left, y), context.lineTo(frame.right, y)));
    for (const window of windows) {
      const visible = this.clip(window);
      if (!visible) continue;
      const x = visible.from;
      const width = Math.max(1.5, visible.to - visible.from);
      context.fillStyle = colour;
      context.globalAlpha = 0.3;
      context.fillRect(x, y - height / 2, width, height);
      context.globalAlpha = 0.07;
      if (shaded) context.fillRect(x, shaded.top, width, shaded.bottom - shaded.top);
      context.globalAlpha = 0.9;
      this.hatch(x, y - height / 2, width, height, colour, slant);
      context.globalAlpha = 1;
    }
  }

  /** Lines in addition to the colour, so that the timers differ without colour too. */
  private hatch(x: number, y: number, width: number, height: number, colour: string, slant: number): void {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    this.stroke(colour, 1, [], () => {
      if (!slant) return context.rect(x, y, width, height);
      // From a fixed origin, so that the lines stand still while the window does.
      for (let at = Math.floor((x - height) / 6) * 6; at < x + width + height; at += 6) {
        context.moveTo(at, slant > 0 ? y + height : y);
        context.lineTo(at + height, slant > 0 ? y : y + height);
      }
    });
    context.restore();
  }

  /** Hatches the stretches without metrics. */
  unavailable(top: number, bottom: number): void {
    const { context, colours, em } = this;
    const { timeline, from, to } = this.scene;
    const windows = timeline.unavailable(from, to);
    if (timeline.end > from && timeline.end < to - 5_000) windows.push({ from: timeline.end, to });
    for (const window of windows) {
      const visible = this.clip(window);
      if (!visible) continue;
      context.globalAlpha = 0.35;
      this.hatch(visible.from, top, visible.to - visible.from, bottom - top, colours.muted, 45);
      context.globalAlpha = 1;
      const label = `? ${t("noMetrics")}`;
      if (visible.to - visible.from > context.measureText(label).width) {
        this.text(label, (visible.from + visible.to) / 2, top + em, colours.trouble, "center");
      }
    }
  }

  /** Each change: a line through all plots, a triangle, and the replica counts where they fit. */
  changes(top: number, plot: Plot): void {
    const { context, em, colours, scene } = this;
    const visible = scene.changes.filter(({ at }) => Date.parse(at) >= scene.from && Date.parse(at) <= scene.to);
    for (const [i, change] of visible.entries()) {
      const x = this.x(Date.parse(change.at));
      const up = change.to > change.from;
      const next = visible[i + 1] ? this.x(Date.parse(visible[i + 1]!.at)) : this.frame.right + em * 4;
      const colour = up ? colours.up : colours.down;
      // Many lines close together would cover the chart, so make them faint.
      context.globalAlpha = visible.length > 16 ? 0.2 : 0.55;
      this.stroke(colour, 1, [2, 3], () => (context.moveTo(x, top), context.lineTo(x, plot.bottom)));
      context.globalAlpha = 1;
      const y = plot.top - em * 0.75;
      const radius = em * 0.42;
      this.triangle(x, y, radius, up, colour);
      const label = `${change.from}→${change.to}`;
      if (x + context.measureText(label).width + radius * 3 < next) this.text(label, x + radius * 1.4, y, colours.text);
    }
  }

  private triangle(x: number, y: number, radius: number, up: boolean, colour: string): void {
    const { context } = this;
    const base = up ? y + radius : y - radius;
    context.beginPath();
    context.moveTo(x - radius, base);
    context.lineTo(x + radius, base);
    context.lineTo(x, up ? y - radius : y + radius);
    context.fillStyle = colour;
    context.fill();
  }

  cursor(top: number, bottom: number): void {
    if (this.scene.cursor === null) return;
    const x = this.x(this.scene.cursor);
    this.stroke(this.colours.text, 1.25, [], (context) => (context.moveTo(x, top), context.lineTo(x, bottom)));
  }
}
