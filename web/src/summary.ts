/** The state of a pool as text for the screen. Pure. */
import { formatMetric, reasonText, t } from "./lang";
import { lacksWorkers } from "./order";
import { localize, replicaChange } from "./localize";
import { BUSY, DESIRED, LIVE, PODS, READY, type Pool } from "./store";

/** What the rules recommend, whether or not anything holds it back. */
export type Recommendation = "up" | "down" | "hold";

export function recommendation(pool: Pool): { action: Recommendation; replicas: number | null } {
  const change = pool.pending ? ([pool.decision?.to ?? 0, pool.pending[0]] as const) : replicaChange(pool.decision?.message ?? "");
  if (!change || change[0] === change[1]) return { action: "hold", replicas: pool.desiredReplicas ?? null };
  return { action: change[1] > change[0] ? "up" : "down", replicas: change[1] };
}

/** The current message, and whether it is in the reader's language. */
export function currentMessage(pool: Pool, now: number): { text: string; known: boolean } {
  const message = pool.pending?.[1] ?? pool.decision?.message ?? "";
  const localized = localize(message, pool.decision ? Date.parse(pool.decision.at) : now);
  if (!lacksWorkers(pool)) return localized;
  return { ...localized, text: `${formatMetric(pool.metrics?.[READY])} ${t("waiting")}, ${t("noWorkers")}: ${localized.text}` };
}

/** Busy and live workers, `4/5`. */
export function busyText({ metrics }: Pool): string {
  const busy = metrics?.[BUSY];
  const live = metrics?.[LIVE];
  return busy === -1 || live === -1 ? "–" : `${formatMetric(busy)}/${formatMetric(live)}`;
}

/** `5`, or `5 → 7` while the target is scaling. */
export function replicasText(pool: Pool): string {
  const pods = pool.replicas ?? pool.metrics?.[PODS];
  const desired = pool.pending?.[0] ?? pool.desiredReplicas ?? pool.metrics?.[DESIRED];
  return pods === desired ? formatMetric(pods) : `${formatMetric(pods)} → ${formatMetric(desired)}`;
}

export function reasonLabel(pool: Pool): string {
  return pool.pending ? t("writing") : lacksWorkers(pool) ? t("noWorkers") : reasonText(pool.decision?.reason ?? "");
}
