/** What may happen next and when: the operator's own word where it tells it, else what its clocks say. Pure. */
import { span, t } from "./lang";
import { READY, type Next, type Pool } from "./store";

export interface Line { title: string; text: string; share: number | null }

export function upcoming(pool: Pool, now: number): Line[] {
  const { up, down } = pool.decision?.next ?? {};
  const all: Line[] = [];
  if (up) all.push(told(t("nextUp"), pool, up, now));
  if (down) all.push(told(t("nextDown"), pool, down, now));
  return all.length ? all : clocks(pool, now);
}

function told(title: string, pool: Pool, next: Next, now: number): Line {
  const { tasks = 0 } = next;
  const at = next.at ? Date.parse(next.at) : 0;
  const when = at > now ? `${t("in")} ${span(Math.ceil((at - now) / 1000))}` : t("atOnce");
  const needs = tasks > 0 ? `${t("if")} ${tasks} ${t("more")}` : tasks < 0 ? `${t("if")} ${-tasks} ${t("fewer")}` : t("asItIs");
  const share = at > now && at - now < 3_600_000 && pool.decision ? progress(Date.parse(pool.decision.at), now, at) : null;
  return { title: `${title} ${pool.desiredReplicas ?? "?"}\u00a0→\u00a0${next.to}`, text: `${when}, ${needs}`, share };
}

function progress(from: number, now: number, to: number): number {
  return to > from ? Math.min(1, Math.max(0, (now - from) / (to - from))) : 1;
}

function clocks(pool: Pool, now: number): Line[] {
  const { rules, memory, bounds, desiredReplicas: wanted } = pool;
  if (!rules || !bounds || wanted === undefined) return [];
  const [titleUp, titleDown] = [t("nextUp"), t("nextDown")];
  const reason = pool.decision?.reason ?? "";
  if (reason === "Pinned" || reason === "Suspended") {
    return [titleUp, titleDown].map((title) => ({ title, text: t("frozenByHand"), share: null }));
  }
  if (pool.facts && pool.facts[READY] === null) {
    return [titleUp, titleDown].map((title) => ({ title, text: t("needFacts"), share: null }));
  }
  return [{ title: titleUp, ...upward() }, { title: titleDown, ...downward() }];

  function upward(): Omit<Line, "title"> {
    if (wanted! >= bounds![1]) return { text: t("atMaximum"), share: null };
    return cooling(memory?.lastUp, rules!.upCooldown) ?? { text: t("nowPossible"), share: null };
  }

  function downward(): Omit<Line, "title"> {
    if (wanted! <= bounds![0]) return { text: t("atMinimum"), share: null };
    const needs = rules!.idleFor ?? 0;
    if (!memory?.idleSince) return { text: `${t("notIdle")} ${span(needs / 1000)}`, share: null };
    const idle = Math.max(0, now - Date.parse(memory.idleSince));
    if (idle < needs) {
      return { text: `${t("idleFor")} ${span(idle / 1000)} ${t("of")} ${span(needs / 1000)}`, share: idle / needs };
    }
    return cooling(memory.lastChange, rules!.downCooldown ?? 0) ??
      { text: `${t("idleFor")} ${span(idle / 1000)}`, share: 1 };
  }

  function cooling(last: string | undefined, cooldown: number): Omit<Line, "title"> | null {
    const left = last ? Date.parse(last) + cooldown - now : 0;
    return left > 0 ? { text: `${t("cooldownFor")} ${span(Math.ceil(left / 1000))}`, share: 1 - left / cooldown } : null;
  }
}
