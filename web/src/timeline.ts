/** The last hour of one pool: samples by time, each of them valid until the next. Pure. */
import { text } from "./catalogue";
import type { Change, Column, Metric, Rules, Sample } from "./store";

/** Milliseconds that are kept. */
const SPAN = 3_600_000;

/** Samples as the operator sends them: a list for each field. */
export type Samples = { [Field in keyof Sample]: Sample[Field][] } & { at: number[] };
const NOTHING: Sample = { ready: null, live: null, busy: null, cpu: null, wait: null, replicas: null, desired: null, idle: false, reason: null };

export interface Window { from: number; to: number }

export class Timeline {
  readonly times: number[];
  readonly rows: Sample[];
  /** Until when the last row is known to be valid. */
  end = 0;

  constructor({ at, ...columns }: Partial<Samples> = {}, readAt = 0) {
    const fields = Object.entries(columns);
    this.times = at ?? [];
    this.rows = this.times.map((_, i) => Object.fromEntries(fields.map(([field, values]) => [field, values[i]])) as unknown as Sample);
    this.end = readAt;
  }

  /** Records a poll at `now`; without `sample` it found the same as before. */
  record(now: number, sample?: Sample): void {
    this.end = Math.max(this.end, now);
    if (!sample) return;
    this.times.push(now);
    this.rows.push(sample);
    const expired = this.times.findIndex((at) => at > now - SPAN) - 1;
    // Removes in batches, since each removal moves all later rows.
    if (expired > 200) {
      this.times.splice(0, expired);
      this.rows.splice(0, expired);
    }
  }

  /** The connection is lost: nothing is known from `now` until the next poll. */
  disconnect(now: number): void {
    if (this.rows.length) this.record(now, NOTHING);
  }

  /** The index of the row that is valid at `time`, -1 before the first. */
  indexAt(time: number): number {
    let [low, high] = [0, this.times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle]! <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  at(time: number): Sample | null {
    return this.rows[this.indexAt(time)] ?? null;
  }

  /** The largest known value of a column between `from` and `to`. */
  max(column: Column, from: number, to: number): number {
    let max = 0;
    for (let i = Math.max(0, this.indexAt(from)); i < this.rows.length && this.times[i]! <= to; i++) {
      max = Math.max(max, known(this.rows[i]![column]) ?? 0);
    }
    return max;
  }

  /** The stretches between `from` and `to` in which `predicate` holds. */
  windows(from: number, to: number, predicate: (row: Sample) => boolean): Window[] {
    const windows: Window[] = [];
    for (let i = Math.max(0, this.indexAt(from)); i < this.rows.length && this.times[i]! < to; i++) {
      if (!predicate(this.rows[i]!)) continue;
      const start = Math.max(from, this.times[i]!);
      const end = Math.min(to, this.times[i + 1] ?? this.end);
      const last = windows.at(-1);
      if (last && last.to >= start) last.to = end;
      else if (end > start) windows.push({ from: start, to: end });
    }
    return windows;
  }

  /** When the conditions of scaleDown were met. */
  idle(from: number, to: number): Window[] {
    return this.windows(from, to, (row) => row.idle);
  }

  /** When the queue metrics were unavailable. */
  unavailable(from: number, to: number): Window[] {
    return this.windows(from, to, (row) => row.ready === null);
  }

  /** Changes of the desired replicas before `until`, which the status history no longer contains. */
  changes(until: number): Change[] {
    const changes: Change[] = [];
    for (let i = 1; i < this.rows.length && this.times[i]! < until; i++) {
      const [before, after] = [this.rows[i - 1]!, this.rows[i]!];
      const [from, to] = [before.desired, after.desired];
      if (from === null || to === null || from === to) continue;
      const at = new Date(this.times[i]!).toISOString();
      changes.push({ at, from, to, reason: before.reason ?? "", message: text("change", { from, to }) ?? "" });
    }
    return changes;
  }
}

/** The cooldowns that the changes started: a scale-up delays the next scale-up, any change delays the next scale-down. */
export function cooldowns(changes: Change[], rules: Rules | null, up: boolean): Window[] {
  const cooldown = (up ? rules?.upCooldown : rules?.downCooldown) ?? 0;
  const starts = up ? changes.filter((change) => change.to > change.from) : changes;
  const windows: Window[] = [];
  for (const change of cooldown ? starts : []) {
    const from = Date.parse(change.at);
    const last = windows.at(-1);
    if (last && last.to > from) last.to = from + cooldown;
    else windows.push({ from, to: from + cooldown });
  }
  return windows;
}

/** The value of a metric, where it is known. */
export function known(metric: Metric | undefined): number | undefined {
  return typeof metric === "number" ? metric : undefined;
}

/** Busy workers in percent of the live ones, where both are known and there are any. */
export function utilization(sample: Sample | null): number | undefined {
  const [busy, live] = [known(sample?.busy), known(sample?.live)];
  return busy === undefined || !live ? undefined : Math.floor((busy * 100) / live);
}

/** Round values for at most `count` marks above zero on an axis up to `max`. */
export function ticks(max: number, count: number): number[] {
  const steps = [1, 2, 5, 10, 20, 25, 50];
  let power = 1;
  for (;;) {
    const step = steps.find((step) => max / (step * power) <= count);
    if (step) return Array.from({ length: Math.floor(max / (step * power)) + 1 }, (_, i) => i * step * power);
    power *= 100;
  }
}

const SECONDS = [5, 10, 15, 30, 60, 120, 300, 600, 900];

/** Milliseconds between the marks of a time axis of `span` milliseconds with at most `count` marks. */
export function timeStep(span: number, count: number): number {
  return (SECONDS.find((step) => span / (step * 1000) <= count) ?? 1800) * 1000;
}
