/** The last hour of one pool: rows by time, each true until the next. Pure. */
import { BUSY, COLUMNS, IDLE, LIVE, REASON, WANTED, type Cell, type Change, type Facts, type Rules } from "./store";

const SPAN = 3_600_000;

export interface Window { from: number; to: number }

export class Track {
  readonly times: number[] = [];
  readonly rows: Facts[] = [];
  /** Until when the last row is known to be true. */
  end = 0;

  /** As the operator sends it: each entry a time and its facts. */
  constructor(trace: [number, Facts][] = [], looked = 0) {
    for (const [at, facts] of trace) {
      this.times.push(at);
      this.rows.push(facts);
    }
    this.end = looked;
  }

  /** A look at `now`; without `facts` it saw the same as before. */
  look(now: number, facts?: Facts): void {
    this.end = Math.max(this.end, now);
    if (!facts) return;
    this.times.push(now);
    this.rows.push(facts);
    const old = this.times.findIndex((at) => at > now - SPAN) - 1;
    if (old > 200) {
      this.times.splice(0, old);
      this.rows.splice(0, old);
    }
  }

  /** Nothing is known from `now` on, until the next look. */
  lose(now: number): void {
    if (this.rows.length) this.look(now, Array<Cell>(COLUMNS).fill(null));
  }

  /** The place of the row that is true at `at`, -1 before the first. */
  find(at: number): number {
    let [low, high] = [0, this.times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle]! <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  at(time: number): Facts | null {
    return this.rows[this.find(time)] ?? null;
  }

  /** The largest known value of a column between `from` and `to`. */
  max(column: number, from: number, to: number): number {
    let top = 0;
    for (let i = Math.max(0, this.find(from)); i < this.rows.length && this.times[i]! <= to; i++) {
      top = Math.max(top, this.rows[i]![column] ?? 0);
    }
    return top;
  }

  /** The stretches between `from` and `to` for which `holds`. */
  windows(from: number, to: number, holds: (row: Facts) => boolean): Window[] {
    const all: Window[] = [];
    for (let i = Math.max(0, this.find(from)); i < this.rows.length && this.times[i]! < to; i++) {
      if (!holds(this.rows[i]!)) continue;
      const start = Math.max(from, this.times[i]!);
      const end = Math.min(to, this.times[i + 1] ?? this.end);
      const last = all.at(-1);
      if (last && last.to >= start) last.to = end;
      else if (end > start) all.push({ from: start, to: end });
    }
    return all;
  }

  /** When the conditions of scaleDown held. */
  idle(from: number, to: number): Window[] {
    return this.windows(from, to, (row) => row[IDLE] === 1);
  }

  /** Changes of the number before `until`, which the history no longer has. */
  steps(until: number, reasons: string[]): Change[] {
    const all: Change[] = [];
    for (let i = 1; i < this.rows.length && this.times[i]! < until; i++) {
      const [from, to, reason] = [this.rows[i - 1]![WANTED], this.rows[i]![WANTED], this.rows[i - 1]![REASON]];
      if (typeof from !== "number" || typeof to !== "number" || from === to) continue;
      const at = new Date(this.times[i]!).toISOString();
      all.push({ at, from, to, reason: reasons[reason ?? -1] ?? "", message: `${from} → ${to} workers` });
    }
    return all;
  }

  /** When nothing was known of the queue. */
  unknown(from: number, to: number): Window[] {
    return this.windows(from, to, (row) => row[0] === null);
  }
}

/** The cooldowns that the changes started: after ups before the next up, after any change before the next down. */
export function cooldowns(changes: Change[], rules: Rules | null, up: boolean): Window[] {
  const span = (up ? rules?.upCooldown : rules?.downCooldown) ?? 0;
  const starts = up ? changes.filter((change) => change.to > change.from) : changes;
  const all: Window[] = [];
  for (const change of span ? starts : []) {
    const from = Date.parse(change.at);
    const last = all.at(-1);
    if (last && last.to > from) last.to = from + span;
    else all.push({ from, to: from + span });
  }
  return all;
}

/** Workers busy in percent of those alive. */
export function utilization(row: Facts | null): Cell {
  const [busy, live] = [row?.[BUSY], row?.[LIVE]];
  if (busy === null || busy === undefined || live === null || live === undefined) return null;
  return busy < 0 || live <= 0 ? -1 : Math.floor((busy * 100) / live);
}

/** Round steps for about `wanted` marks on an axis up to `top`. */
export function ticks(top: number, wanted: number): number[] {
  const steps = [1, 2, 5, 10, 20, 25, 50];
  let power = 1;
  for (;;) {
    const step = steps.find((step) => top / (step * power) <= wanted);
    if (step) return Array.from({ length: Math.floor(top / (step * power)) + 1 }, (_, i) => i * step * power);
    power *= 100;
  }
}

const SECONDS = [5, 10, 15, 30, 60, 120, 300, 600, 900];

/** Milliseconds between marks on a time axis of `span`, at most `wanted` of them. */
export function timeStep(span: number, wanted: number): number {
  return (SECONDS.find((step) => span / (step * 1000) <= wanted) ?? 1800) * 1000;
}
