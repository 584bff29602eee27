/** What the page knows: all pools, as the operator's messages leave them. No DOM, no clock of its own. */

/** A number, `null` where it could not be read, -1 where the queue system does not tell it. */
export type Cell = number | null;
export type Facts = Cell[];

/** The places in `Facts`, the same as in the operator's `trace.rs`. */
export const READY = 0, LIVE = 2, BUSY = 3, CPU = 4, WAIT = 5, PODS = 6, WANTED = 7, IDLE = 8, REASON = 9;
export const COLUMNS = 10;

export interface Change { at: string; from: number; to: number; reason: string; message: string; latencyMillis?: number }
export interface Decision extends Change { confidence: number; next?: { up?: Next; down?: Next } }
/** One step of a decision. */
export interface Step { name: string; detail: string }
export interface Rules {
  queueUp: Cell; queueDown: Cell; busyUp: Cell; busyDown: Cell; cpuUp: Cell;
  upStep: number; downStep: Cell; upCooldown: number; downCooldown: Cell; idleFor: Cell; maxWait?: Cell;
}
/** What would be next, in one direction: so many more tasks must wait for it, or fewer; 0: if it stays as it is. */
export interface Next { to: number; at?: string; tasks?: number }

export interface Pool {
  id: number;
  namespace: string;
  name: string;
  bounds: [number, number] | null;
  rules: Rules | null;
  pending: [number, string] | null;
  well: boolean | null;
  replicas?: number;
  desiredReplicas?: number;
  decision?: Decision;
  memory?: { lastUp?: string; lastChange?: string; idleSince?: string };
  success?: string | null;
  eta?: string | null;
  /** Mean time of a task. */
  taskMillis?: Cell;
  changes: Change[];
  facts: Facts | null;
  looked: number | null;
  spark: Cell[];
  /** The point of time of the last cell of `spark`, in POINTs since 1970. */
  point: number;
}

export interface Message {
  now: number;
  full?: boolean;
  version?: string;
  reasons?: string[];
  pools?: Pool[];
  facts?: [number, Facts][];
  same?: number[];
  gone?: number[];
}

/** What a message changed: words and bounds, facts, and pools that are gone. */
export interface Changed { full: boolean; words: number[]; facts: number[]; gone: number[] }

/** Milliseconds in a point of the sparklines, and how many they have. */
export const POINT = 10_000, POINTS = 60;

export class Store {
  readonly pools = new Map<number, Pool>();
  reasons: string[] = [];
  version = "";
  /** The operator's time of the last message. */
  now = 0;
  private lag = 0;

  /** Takes in a message that arrived when this machine's clock said `here`. */
  apply(message: Message, here: number): Changed {
    this.now = message.now;
    // The operator's clock counts, so that ages are right on a laptop whose clock is not.
    this.lag = message.now - here;
    const changed: Changed = { full: !!message.full, words: [], facts: [], gone: message.gone ?? [] };
    if (message.full) {
      this.version = message.version ?? "";
      this.reasons = message.reasons ?? [];
      const alive = new Set(message.pools?.map((pool) => pool.id));
      changed.gone = [...this.pools.keys()].filter((id) => !alive.has(id));
    }
    for (const id of changed.gone) this.pools.delete(id);
    for (const row of message.pools ?? []) {
      const old = this.pools.get(row.id);
      // A row without rules, bounds, changes and clocks has those that it had.
      const kept = old ? { ...old, replicas: undefined, desiredReplicas: undefined } : { facts: null, looked: null, spark: [] };
      const pool = message.full ? row : ({ ...kept, ...row } as Pool);
      pool.point = message.full || !old ? Math.floor(message.now / POINT) : old.point;
      this.pools.set(row.id, pool);
      changed.words.push(row.id);
    }
    for (const [id, facts] of message.facts ?? []) {
      const pool = this.pools.get(id);
      if (!pool) continue;
      pool.facts = facts;
      this.looked(pool);
      changed.facts.push(id);
    }
    for (const id of message.same ?? []) {
      const pool = this.pools.get(id);
      if (pool) this.looked(pool);
    }
    return changed;
  }

  /** The operator's time when this machine's clock says `here`. */
  time(here: number): number {
    return here + this.lag;
  }

  find(namespace: string, name: string): Pool | undefined {
    for (const pool of this.pools.values()) if (pool.name === name && pool.namespace === namespace) return pool;
    return undefined;
  }

  private looked(pool: Pool): void {
    pool.looked = this.now;
    advance(pool, Math.floor(this.now / POINT));
    const ready = pool.facts?.[READY] ?? -1;
    const last = pool.spark[POINTS - 1];
    if (ready >= 0) pool.spark[POINTS - 1] = Math.max(ready, last ?? 0);
  }
}

/** Moves the sparkline on to `point`; points in which nobody looked are gaps. */
export function advance(pool: Pool, point: number): void {
  while (pool.spark.length < POINTS) pool.spark.unshift(null);
  const steps = Math.min(point - pool.point, POINTS);
  for (let i = 0; i < steps; i++) {
    pool.spark.shift();
    pool.spark.push(null);
  }
  if (steps > 0) pool.point = point;
}
