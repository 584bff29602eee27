/** Which pools come first, and which are shown. */
import { LIVE, READY, WAIT, type Pool } from "./store";

/** 0 in trouble, 1 at a limit or overruled, 2 well. */
export type Rank = 0 | 1 | 2;

const TROUBLE = new Set(["Unknown", "Fallback", "TargetMissing", "TargetConflict", "WriteFailed", "InvalidSpec"]);
const LIMIT = new Set(["AtMax", "TooManyReplicas", "TargetChanged"]);

/** Seconds that a task may wait with nobody there to take it. */
const ALONE = 30;

export function rank(pool: Pool): Rank {
  const reason = pool.decision?.reason ?? "";
  if (pool.well === false || TROUBLE.has(reason) || nobody(pool)) return 0;
  return LIMIT.has(reason) ? 1 : 2;
}

/** Tasks wait, and there is no worker to take them: a long wait looks like a busy pool, and is not one. */
export function nobody({ facts }: Pool): boolean {
  return !!facts && (facts[READY] ?? 0) > 0 && facts[LIVE] === 0 && (facts[WAIT] ?? 0) > ALONE;
}

/** Problems first, then by name: a row moves only when its rank does. */
export function compare(a: Pool, b: Pool): number {
  return rank(a) - rank(b) || text(a.name, b.name) || text(a.namespace, b.namespace);
}

function text(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether all words of `query` are found in `words`; `!word` must not be found. */
export function matches(query: string, words: string): boolean {
  const all = words.toLowerCase();
  return query.toLowerCase().split(/\s+/).filter((word) => word && word !== "!")
    .every((word) => word[0] === "!" ? !all.includes(word.slice(1)) : all.includes(word));
}
