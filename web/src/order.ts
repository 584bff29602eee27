/** Sorts and filters the pools of the overview. */
import type { Pool } from "./store";
import { known } from "./timeline";

/** 0: a problem, 1: at a limit or overridden by another client, 2: healthy. */
export type Rank = 0 | 1 | 2;

const PROBLEMS = new Set(["Unknown", "Fallback", "TargetMissing", "TargetConflict", "TargetContested", "WriteFailed", "InvalidSpec"]);
const LIMITS = new Set(["AtMax", "TooManyReplicas", "TargetChanged"]);

/** Seconds that the oldest task may wait while the pool has no workers, before this counts as a problem. */
const MAX_WAIT_WITHOUT_WORKERS = 30;

export function rank(pool: Pool): Rank {
  const reason = pool.decision?.reason ?? "";
  if (pool.ready === false || PROBLEMS.has(reason) || lacksWorkers(pool)) return 0;
  return LIMITS.has(reason) ? 1 : 2;
}

/** Whether tasks have waited for a while and no worker is running: by its wait alone it would look like a busy pool. */
export function lacksWorkers({ sample }: Pool): boolean {
  return !!sample && (known(sample.ready) ?? 0) > 0 && sample.live === 0 && (known(sample.wait) ?? 0) > MAX_WAIT_WITHOUT_WORKERS;
}

/** Problems first, then by name: a row moves only when its rank changes. */
export function comparePools(a: Pool, b: Pool): number {
  return rank(a) - rank(b) || compareText(a.name, b.name) || compareText(a.namespace, b.namespace);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether `text` contains every word of `query` and none of its `!words`. */
export function matches(query: string, text: string): boolean {
  const haystack = text.toLowerCase();
  return query.toLowerCase().split(/\s+/).filter((word) => word && word !== "!")
    .every((word) => word[0] === "!" ? !haystack.includes(word.slice(1)) : haystack.includes(word));
}
