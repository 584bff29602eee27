/** The state of a pool as text for the screen. Pure. */
import { explain } from "./catalogue";
import { formatMetric, reasonText, t } from "./lang";
import { lacksWorkers } from "./order";
import type { Pool } from "./store";

/** What the rules recommend, whether or not anything holds it back. */
export type Recommendation = "up" | "down" | "hold";

/** The reasons that hold a recommendation back for a while. */
const DELAYED = new Set(["CoolingDown", "IdleWait", "Stabilized", "RateLimited"]);

export function recommendation(pool: Pool): { action: Recommendation; replicas: number | null } {
  const change = pool.pending ?? pool.decision;
  const { from = 0, to = 0, params = {} } = change ?? {};
  const recommended = DELAYED.has(change?.reason ?? "") ? params.recommended : change?.reason === "DryRun" ? params.to : to;
  if (typeof recommended !== "number" || recommended === from) return { action: "hold", replicas: pool.desiredReplicas ?? null };
  return { action: recommended > from ? "up" : "down", replicas: recommended };
}

/** The current message, and whether it is in the reader's language. */
export function currentMessage(pool: Pool): { text: string; known: boolean } {
  const explanation = pool.pending ?? pool.decision;
  const localized = explanation ? explain(explanation) : { text: "", known: true };
  if (!lacksWorkers(pool)) return localized;
  return { ...localized, text: `${formatMetric(pool.sample?.ready)} ${t("waiting")}, ${t("noWorkers")}: ${localized.text}` };
}

/** Busy and live workers, `4/5`. */
export function busyText({ sample }: Pool): string {
  const { busy, live } = sample ?? {};
  return busy === "unsupported" || live === "unsupported" ? "–" : `${formatMetric(busy)}/${formatMetric(live)}`;
}

/** `5`, or `5 → 7` while the target is scaling. */
export function replicasText(pool: Pool): string {
  const pods = pool.replicas ?? pool.sample?.replicas;
  const desired = pool.pending?.to ?? pool.desiredReplicas ?? pool.sample?.desired;
  return pods === desired ? formatMetric(pods) : `${formatMetric(pods)} → ${formatMetric(desired)}`;
}

export function reasonLabel(pool: Pool): string {
  return pool.pending ? t("writing") : lacksWorkers(pool) ? t("noWorkers") : reasonText(pool.decision?.reason ?? "");
}
