/** The state of all pools, built from the messages of the operator's stream. It uses no DOM and no clock of its own. */

import type { Encoded, Explanation } from "./catalogue";

/** A value that may be missing. */
export type Cell = number | null;
/** A metric; `null` where it is unavailable. */
export type Metric = Cell | "unsupported";
/** What one poll found: the operator's `Sample`. */
export interface Sample {
  ready: Metric; live: Metric; busy: Metric;
  /** In percent, the mean of the live workers. */
  cpu: Metric;
  /** Seconds that the oldest task has waited. */
  wait: Metric;
  replicas: Cell; desired: Cell;
  /** Whether the conditions of `scaleDown` are met. */
  idle: boolean;
  reason: string | null;
}
/** The fields of `Sample` that a chart draws. */
export type Column = "ready" | "live" | "busy" | "wait" | "desired";

export interface Change extends Explanation { at: string; latencyMillis?: number }
export interface Decision extends Change { confidence: number; next?: { up?: NextChange; down?: NextChange } }
/** One step of a decision. */
export interface Step extends Encoded { name: string; detail: string }
/** Thresholds and steps of a pool; cooldowns, idle time and maximum wait are in milliseconds. */
export interface Rules {
  queueUp: Cell; queueDown: Cell; busyUp: Cell; busyDown: Cell; cpuUp: Cell;
  upStep: number; downStep: Cell; upCooldown: number; downCooldown: Cell; idleFor: Cell; fromZero?: Cell; maxWait?: Cell;
}
/** The next change in one direction. `tasks`: it needs so many more waiting tasks, or fewer where negative; 0: none. */
export interface NextChange { to: number; at?: string; tasks?: number }

export interface Pool {
  id: number;
  namespace: string;
  name: string;
  bounds: [number, number] | null;
  rules: Rules | null;
  /** A change that is being written. */
  pending: Explanation | null;
  /** The condition `Ready`; `null` before it is set. */
  ready: boolean | null;
  replicas?: number;
  desiredReplicas?: number;
  decision?: Decision;
  timers?: { lastUp?: string; lastChange?: string; idleSince?: string };
  success?: string | null;
  eta?: string | null;
  /** Mean time of a task. */
  taskMillis?: Cell;
  /** Held, due and delayed tasks, and paused queues. */
  others?: Metric[] | null;
  changes: Change[];
  sample: Sample | null;
  /** The operator's time of the last poll. */
  readAt: number | null;
  sparkline: Cell[];
  /** The time of the last cell of `sparkline`, in units of `POINT` since 1970. */
  point: number;
}

export interface Message {
  now: number;
  full?: boolean;
  version?: string;
  pools?: Pool[];
  samples?: (Sample & { id: number })[];
  /** Pools whose last poll found the same as before. */
  unchanged?: number[];
  deleted?: number[];
}

/** The ids of the pools that a message changed: their status or spec, their samples, and those that were deleted. */
export interface Changed { full: boolean; pools: number[]; samples: number[]; deleted: number[] }

/** Milliseconds per point of a sparkline, and the number of points. */
export const POINT = 10_000, POINTS = 60;

export class Store {
  readonly pools = new Map<number, Pool>();
  version = "";
  /** The operator's time of the last message. */
  now = 0;
  private clockOffset = 0;

  /** Applies a message that arrived when the browser's clock showed `browserTime`. */
  apply(message: Message, browserTime: number): Changed {
    this.now = message.now;
    // All times are the operator's, so that ages are right even where the browser's clock is wrong.
    this.clockOffset = message.now - browserTime;
    const changed: Changed = { full: !!message.full, pools: [], samples: [], deleted: message.deleted ?? [] };
    if (message.full) {
      this.version = message.version ?? "";
      const ids = new Set(message.pools?.map((pool) => pool.id));
      changed.deleted = [...this.pools.keys()].filter((id) => !ids.has(id));
    }
    for (const id of changed.deleted) this.pools.delete(id);
    for (const update of message.pools ?? []) {
      this.applyPool(update, message);
      changed.pools.push(update.id);
    }
    for (const { id, ...sample } of message.samples ?? []) {
      const pool = this.pools.get(id);
      if (!pool) continue;
      pool.sample = sample;
      this.recordPoll(pool);
      changed.samples.push(id);
    }
    for (const id of message.unchanged ?? []) {
      const pool = this.pools.get(id);
      if (pool) this.recordPoll(pool);
    }
    return changed;
  }

  /** The operator's time when the browser's clock shows `browserTime`. */
  time(browserTime: number): number {
    return browserTime + this.clockOffset;
  }

  find(namespace: string, name: string): Pool | undefined {
    for (const pool of this.pools.values()) if (pool.name === name && pool.namespace === namespace) return pool;
    return undefined;
  }

  private applyPool(update: Pool, { full, now }: Message): void {
    const old = this.pools.get(update.id);
    // An update leaves out rules, bounds, changes and timers that are as before.
    const base = old ? { ...old, replicas: undefined, desiredReplicas: undefined } : { sample: null, readAt: null, sparkline: [] };
    const pool = full ? update : ({ ...base, ...update } as Pool);
    pool.point = full || !old ? Math.floor(now / POINT) : old.point;
    this.pools.set(update.id, pool);
  }

  private recordPoll(pool: Pool): void {
    pool.readAt = this.now;
    advanceSparkline(pool, Math.floor(this.now / POINT));
    const ready = pool.sample?.ready;
    const last = pool.sparkline[POINTS - 1];
    if (typeof ready === "number") pool.sparkline[POINTS - 1] = Math.max(ready, last ?? 0);
  }
}

/** Moves the sparkline on to `point`; points without a poll become gaps. */
export function advanceSparkline(pool: Pool, point: number): void {
  while (pool.sparkline.length < POINTS) pool.sparkline.unshift(null);
  const steps = Math.min(point - pool.point, POINTS);
  for (let i = 0; i < steps; i++) {
    pool.sparkline.shift();
    pool.sparkline.push(null);
  }
  if (steps > 0) pool.point = point;
}
