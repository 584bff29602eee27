/** The next possible changes and when: the operator's forecast where there is one, else what the timers show. Pure. */
import { formatDuration, t } from "./lang";
import type { NextChange, Pool } from "./store";

/** `progress` is the share of the wait that is over, from 0 to 1. */
export interface ForecastLine { title: string; text: string; progress: number | null }

export function forecastLines(pool: Pool, now: number): ForecastLine[] {
  const { up, down } = pool.decision?.next ?? {};
  const lines: ForecastLine[] = [];
  if (up) lines.push(forecastLine(t("nextUp"), pool, up, now));
  if (down) lines.push(forecastLine(t("nextDown"), pool, down, now));
  return lines.length ? lines : timerLines(pool, now);
}

function forecastLine(title: string, pool: Pool, next: NextChange, now: number): ForecastLine {
  const { tasks = 0 } = next;
  const at = next.at ? Date.parse(next.at) : 0;
  const when = at > now ? t("in", { span: formatDuration(Math.ceil((at - now) / 1000)) }) : t("atOnce");
  const condition = tasks > 0 ? t("ifMore", { tasks }) : tasks < 0 ? t("ifFewer", { tasks: -tasks }) : t("ifConditionsHold");
  const progress = at > now && at - now < 3_600_000 && pool.decision ? elapsedShare(Date.parse(pool.decision.at), now, at) : null;
  return { title: `${title} ${pool.desiredReplicas ?? "?"}\u00a0→\u00a0${next.to}`, text: `${when}, ${condition}`, progress };
}

function elapsedShare(from: number, now: number, to: number): number {
  return to > from ? Math.min(1, Math.max(0, (now - from) / (to - from))) : 1;
}

function timerLines(pool: Pool, now: number): ForecastLine[] {
  const { rules, timers, bounds, desiredReplicas: desired } = pool;
  if (!rules || !bounds || desired === undefined) return [];
  const titleUp = t("nextUp");
  const titleDown = t("nextDown");
  const reason = pool.decision?.reason ?? "";
  if (reason === "Pinned" || reason === "Suspended") {
    return [titleUp, titleDown].map((title) => ({ title, text: t("rulesInactive"), progress: null }));
  }
  if (pool.sample && pool.sample.ready === null) {
    return [titleUp, titleDown].map((title) => ({ title, text: t("needsMetrics"), progress: null }));
  }
  return [{ title: titleUp, ...scaleUp() }, { title: titleDown, ...scaleDown() }];

  function scaleUp(): Omit<ForecastLine, "title"> {
    if (desired! >= bounds![1]) return { text: t("atMaximum"), progress: null };
    return cooldown(timers?.lastUp, rules!.upCooldown) ?? { text: t("nowPossible"), progress: null };
  }

  function scaleDown(): Omit<ForecastLine, "title"> {
    if (desired! <= bounds![0]) return { text: t("atMinimum"), progress: null };
    const required = rules!.idleFor ?? 0;
    if (!timers?.idleSince) return { text: t("notIdle", { span: formatDuration(required / 1000) }), progress: null };
    const idle = Math.max(0, now - Date.parse(timers.idleSince));
    if (idle < required) {
      return { text: t("idleFor", { idle: formatDuration(idle / 1000), needed: formatDuration(required / 1000) }), progress: idle / required };
    }
    return cooldown(timers.lastChange, rules!.downCooldown ?? 0) ??
      { text: t("idleFor", { idle: formatDuration(idle / 1000) }), progress: 1 };
  }

  function cooldown(last: string | undefined, cooldown: number): Omit<ForecastLine, "title"> | null {
    const left = last ? Date.parse(last) + cooldown - now : 0;
    return left > 0 ? { text: t("cooldownEndsIn", { span: formatDuration(Math.ceil(left / 1000)) }), progress: 1 - left / cooldown } : null;
  }
}
