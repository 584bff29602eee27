/** What a pool's facts and its decision come to, in words for a screen. Pure. */
import { fact, reasonText, t } from "./lang";
import { nobody } from "./order";
import { sentence, wants } from "./sentence";
import { BUSY, LIVE, PODS, READY, WANTED, type Pool } from "./store";

/** What the rules would do, were nothing in the way. */
export type Aim = "up" | "down" | "hold";

export function aim(pool: Pool): { aim: Aim; to: number | null } {
  const said = pool.pending ? ([pool.decision?.to ?? 0, pool.pending[0]] as const) : wants(pool.decision?.message ?? "");
  if (!said || said[0] === said[1]) return { aim: "hold", to: pool.desiredReplicas ?? null };
  return { aim: said[1] > said[0] ? "up" : "down", to: said[1] };
}

/** The sentence that counts now, and whether the reader's language has it. */
export function why(pool: Pool, now: number): { text: string; known: boolean } {
  const text = pool.pending?.[1] ?? pool.decision?.message ?? "";
  const said = sentence(text, pool.decision ? Date.parse(pool.decision.at) : now);
  if (!nobody(pool)) return said;
  return { ...said, text: `${fact(pool.facts?.[READY])} ${t("waiting")}, ${t("nobody")}: ${said.text}` };
}

export function busy(pool: Pool): string {
  const { facts } = pool;
  const [busy, live] = [facts?.[BUSY], facts?.[LIVE]];
  return busy === -1 || live === -1 ? "–" : `${fact(busy)}/${fact(live)}`;
}

/** `5`, or `5 → 7` while the number is on its way. */
export function workers(pool: Pool): string {
  const pods = pool.replicas ?? pool.facts?.[PODS];
  const wanted = pool.pending?.[0] ?? pool.desiredReplicas ?? pool.facts?.[WANTED];
  return pods === wanted ? fact(pods) : `${fact(pods)} → ${fact(wanted)}`;
}

export function word(pool: Pool): string {
  return pool.pending ? t("writing") : nobody(pool) ? t("nobody") : reasonText(pool.decision?.reason ?? "");
}
