import type { Sample } from "../src/store";
import type { Samples } from "../src/timeline";

/** What a poll of an idle pool of three workers found. */
export function sample(more: Partial<Sample> = {}): Sample {
  return { ready: 0, live: 3, busy: 0, cpu: 2, wait: 0, replicas: 3, desired: 3, idle: false, reason: "WithinThresholds", ...more };
}

/** Samples as the operator sends them, each from its time and what it differs in. */
export function samples(...rows: [at: number, more: Partial<Sample>][]): Samples {
  const columns: Record<string, unknown[]> = { at: [] };
  for (const [at, more] of rows) {
    for (const [field, value] of Object.entries({ at, ...sample(more) })) (columns[field] ??= []).push(value);
  }
  return columns as Samples;
}
