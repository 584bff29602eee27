/** Starts the page: the stream into the store, the store onto the screen, keys, language and theme. */
import "./style.css";
import { Detail } from "./detail";
import { h, put } from "./dom";
import { Feed, type Link } from "./feed";
import { choose, clock, lang, span, t } from "./lang";
import { Overview } from "./overview";
import { repaint } from "./palette";
import { Store, type Changed, type Message } from "./store";

const store = new Store();
const page = document.getElementById("page")!;
const said = document.getElementById("said")!;
const asked = new URLSearchParams(location.search);
const saved = (name: string) => { try { return localStorage.getItem(name); } catch { return null; } };
const save = (name: string, value: string) => { try { localStorage.setItem(name, value); } catch { /* a private window */ } };

const filter = h("input", { type: "search", spellcheck: "false", autocomplete: "off" });
const status = h("span", { class: "status", role: "status" });
const banner = h("p", { class: "banner", role: "alert", hidden: true });
const [tongue, theme, keys] = [h("button", { onclick: speak }), h("button", { onclick: shade }), h("button", { class: "help", onclick: help })];
const top = document.getElementById("top")!;
top.append(status, filter, tongue, theme, keys);
top.after(banner);
const dialog = document.body.appendChild(h("dialog", {}));

let view: Overview | Detail | null = null;
let link: Link = "connecting";
let lostAt = 0;
let pending: Changed | null = null;

choose(asked.get("lang") ?? saved("lang") ?? navigator.language);
paintTheme(asked.get("theme") ?? saved("theme") ?? "");
label();
filter.addEventListener("input", () => view instanceof Overview && view.arrange());
addEventListener("hashchange", show);
addEventListener("resize", fresh);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", fresh);
addEventListener("keydown", press);
setInterval(tick, 1_000);
new Feed("/api/stream", hear, connected);

function hear(message: Message): void {
  const first = !store.now;
  const changed = store.apply(message, Date.now());
  if (first || !view) return show();
  // A hidden page paints nothing; what it missed it paints at once when it is seen.
  if (!pending) requestAnimationFrame(paint);
  pending = pending ? join(pending, changed) : changed;
}

function join(a: Changed, b: Changed): Changed {
  const both = (x: number[], y: number[]) => [...new Set([...x, ...y])];
  return { full: a.full || b.full, words: both(a.words, b.words), facts: both(a.facts, b.facts), gone: both(a.gone, b.gone) };
}

function paint(): void {
  const changed = pending;
  pending = null;
  if (!changed || !view) return;
  const heard = view.update(changed);
  if (heard) put(said, heard);
}

function show(): void {
  if (!store.now) return page.replaceChildren(h("p", { class: "empty" }, t("loading")));
  const [namespace, name] = location.hash.slice(2).split("/").map(decodeURIComponent);
  view = namespace && name ? new Detail(store, namespace, name) : new Overview(store, () => filter.value);
  filter.hidden = view instanceof Detail;
  document.title = name ? `${name} · WorkerPool` : "WorkerPool";
  page.replaceChildren(view.node);
  if (view instanceof Overview) view.arrange();
  view.repaint();
  scrollTo(0, 0);
}

function connected(now: Link): void {
  link = now;
  if (now === "broken") {
    lostAt ||= Date.now();
    if (view instanceof Detail) view.lose(store.time(lostAt));
  } else lostAt = 0;
  document.body.classList.toggle("stale", now === "broken");
  tick();
}

function tick(): void {
  const now = store.time(Date.now());
  const broken = link === "broken";
  banner.hidden = !broken;
  if (broken) {
    const words = `⚠ ${t("broken")} ${span((Date.now() - lostAt) / 1000)}. `;
    put(banner, words + (store.now ? `${t("stale")} ${clock(store.now)}. ` : "") + t("retry"));
  }
  put(status, broken ? `○ ${clock(store.now || Date.now())}` : link === "live" ? `● ${t("live")} ${clock(now)}` : `○ ${t("connecting")}`);
  status.dataset.link = link;
  if (!broken && !document.hidden) view?.tick(now);
}

function fresh(): void {
  repaint();
  view?.repaint();
}

function label(): void {
  document.documentElement.lang = lang();
  filter.setAttribute("placeholder", `${t("filter")}: ${t("filterHint")}  ( / )`);
  filter.setAttribute("aria-label", t("filter"));
  put(tongue, t("language"));
  tongue.setAttribute("aria-label", t("inLanguage"));
  put(theme, "◐");
  put(keys, "?");
  theme.setAttribute("aria-label", t("theme"));
  theme.title = t("theme");
  keys.setAttribute("aria-label", t("help"));
  keys.title = t("help");
  tongue.setAttribute("lang", lang() === "es" ? "en" : "es");
}

function speak(): void {
  save("lang", choose(lang() === "es" ? "en" : "es"));
  label();
  show();
  tick();
}

function paintTheme(wanted: string): void {
  if (wanted === "dark" || wanted === "light") document.documentElement.dataset.theme = wanted;
}

function shade(): void {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  paintTheme(dark === "dark" ? "light" : "dark");
  save("theme", document.documentElement.dataset.theme!);
  fresh();
}

function help(): void {
  const all = [["/", t("keyFilter")], ["j k", t("keyMove")], ["Esc", t("keyBack")], ["← →", t("keyTime")],
    ["␣", t("keySpace")], ["+ −", t("keyRange")], ["l", t("keyLang")], ["t", t("keyTheme")]];
  dialog.replaceChildren(h("h2", {}, t("help")),
    h("dl", {}, ...all.flatMap(([key, words]) => [h("dt", {}, h("kbd", {}, key!)), h("dd", {}, words!)])),
    h("p", {}, h("button", { onclick: () => dialog.close() }, t("close")), ` WorkerPool ${store.version}`));
  dialog.showModal();
}

function press(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  const typing = event.target === filter;
  // A slider has arrows of its own.
  if (event.target instanceof HTMLInputElement && !typing && event.key !== "Escape") return;
  if (event.key === "Escape") {
    if (typing && filter.value) {
      filter.value = "";
      if (view instanceof Overview) view.arrange();
    } else if (typing) filter.blur();
    else if (view instanceof Detail) location.hash = "#/";
    return;
  }
  if (typing && event.key !== "ArrowDown") return;
  const button = event.target instanceof HTMLButtonElement;
  if (event.key === "/") filter.focus();
  else if (event.key === "?") help();
  else if (event.key === "l") speak();
  else if (event.key === "t") shade();
  else if (view instanceof Overview && ["j", "k", "ArrowDown", "ArrowUp"].includes(event.key)) {
    move(event.key === "j" || event.key === "ArrowDown" ? 1 : -1);
  } else if (button && event.key === " ") return;
  else if (!(view instanceof Detail) || !view.key(event.key)) return;
  event.preventDefault();
}

/** To the next row, or the one before. */
function move(by: number): void {
  const rows = [...page.querySelectorAll<HTMLElement>("a.row:not([hidden])")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
}
