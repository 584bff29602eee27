/** Entry point: connects the stream, the store and the views, and handles keys, language and theme. */
import "./style.css";
import { Detail } from "./detail";
import { h, setText } from "./dom";
import { formatTime, language, LANGUAGES, loadLanguage } from "./catalogue";
import { formatDuration, t } from "./lang";
import { Overview } from "./overview";
import { resetPalette } from "./palette";
import { Store, type Changed, type Message } from "./store";
import { Stream, type Connection } from "./stream";

const store = new Store();
const page = document.getElementById("page")!;
const announcement = document.getElementById("announcement")!;
const parameters = new URLSearchParams(location.search);
const load = (name: string) => { try { return localStorage.getItem(name); } catch { return null; } };
const save = (name: string, value: string) => { try { localStorage.setItem(name, value); } catch { /* blocked in some private windows */ } };

const filter = h("input", { type: "search", spellcheck: "false", autocomplete: "off" });
const status = h("span", { class: "status", role: "status" });
const banner = h("p", { class: "banner", role: "alert", hidden: true });
const languageButton = h("button", { onclick: () => void toggleLanguage() });
const themeButton = h("button", { onclick: toggleTheme });
const helpButton = h("button", { class: "help", onclick: showHelp });
const top = document.getElementById("top")!;
top.append(status, filter, languageButton, themeButton, helpButton);
top.after(banner);
const dialog = document.body.appendChild(h("dialog", {}));

let view: Overview | Detail | null = null;
let connection: Connection = "connecting";
let lostAt = 0;
/** The changes that the next frame draws. */
let pending: Changed | null = null;

await loadLanguage(parameters.get("lang") ?? load("lang") ?? navigator.language);
setTheme(parameters.get("theme") ?? load("theme") ?? "");
updateLabels();
filter.addEventListener("input", () => view instanceof Overview && view.arrange());
addEventListener("hashchange", showView);
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("keydown", onKey);
setInterval(tick, 1_000);
new Stream("/api/stream", onMessage, onConnection);

function onMessage(message: Message): void {
  const first = !store.now;
  const changed = store.apply(message, Date.now());
  if (first || !view) return showView();
  // A hidden page gets no animation frames; it draws all changes at once when it becomes visible.
  if (!pending) requestAnimationFrame(applyPending);
  pending = pending ? merge(pending, changed) : changed;
}

function merge(a: Changed, b: Changed): Changed {
  const union = (x: number[], y: number[]) => [...new Set([...x, ...y])];
  return { full: a.full || b.full, pools: union(a.pools, b.pools), samples: union(a.samples, b.samples), deleted: union(a.deleted, b.deleted) };
}

function applyPending(): void {
  const changed = pending;
  pending = null;
  if (!changed || !view) return;
  const message = view.update(changed);
  if (message) setText(announcement, message);
}

function showView(): void {
  if (!store.now) return page.replaceChildren(h("p", { class: "empty" }, t("loading")));
  const [namespace, name] = location.hash.slice(2).split("/").map(decodeURIComponent);
  view = namespace && name ? new Detail(store, namespace, name) : new Overview(store, () => filter.value);
  filter.hidden = view instanceof Detail;
  document.title = name ? `${name} · WorkerPool` : "WorkerPool";
  page.replaceChildren(view.node);
  if (view instanceof Overview) view.arrange();
  view.redraw();
  scrollTo(0, 0);
}

function onConnection(now: Connection): void {
  connection = now;
  if (now === "broken") {
    lostAt ||= Date.now();
    if (view instanceof Detail) view.disconnect(store.time(lostAt));
  } else lostAt = 0;
  document.body.classList.toggle("stale", now === "broken");
  tick();
}

function tick(): void {
  const now = store.time(Date.now());
  const broken = connection === "broken";
  banner.hidden = !broken;
  if (broken) {
    const lastData = store.now ? `${t("lastData")} ${formatTime(store.now)}. ` : "";
    setText(banner, `⚠ ${t("broken")} ${formatDuration((Date.now() - lostAt) / 1000)}. ${lastData}${t("reconnecting")}`);
  }
  setText(status, broken ? `○ ${formatTime(store.now || Date.now())}` : connection === "live" ? `● ${t("live")} ${formatTime(now)}` : `○ ${t("connecting")}`);
  status.dataset.connection = connection;
  if (!broken && !document.hidden) view?.tick(now);
}

function redraw(): void {
  resetPalette();
  view?.redraw();
}

function updateLabels(): void {
  document.documentElement.lang = language();
  filter.setAttribute("placeholder", `${t("filter")}: ${t("filterHint")}  ( / )`);
  filter.setAttribute("aria-label", t("filter"));
  const next = nextLanguage();
  setText(languageButton, next.toUpperCase());
  languageButton.setAttribute("aria-label", new Intl.DisplayNames([next], { type: "language" }).of(next) ?? next);
  languageButton.setAttribute("lang", next);
  setText(themeButton, "◐");
  themeButton.setAttribute("aria-label", t("theme"));
  themeButton.title = t("theme");
  setText(helpButton, "?");
  helpButton.setAttribute("aria-label", t("help"));
  helpButton.title = t("help");
}

function nextLanguage(): string {
  return LANGUAGES[(LANGUAGES.indexOf(language()) + 1) % LANGUAGES.length]!;
}

async function toggleLanguage(): Promise<void> {
  save("lang", await loadLanguage(nextLanguage()));
  updateLabels();
  showView();
  tick();
}

function setTheme(theme: string): void {
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}

function toggleTheme(): void {
  const theme = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  setTheme(theme === "dark" ? "light" : "dark");
  save("theme", document.documentElement.dataset.theme!);
  redraw();
}

function showHelp(): void {
  const keys = [["/", t("keyFilter")], ["j k", t("keyMove")], ["Esc", t("keyBack")], ["← →", t("keyTime")],
    ["␣", t("keySpace")], ["+ −", t("keyRange")], ["l", t("keyLang")], ["t", t("keyTheme")]];
  dialog.replaceChildren(h("h2", {}, t("help")),
    h("dl", {}, ...keys.flatMap(([key, text]) => [h("dt", {}, h("kbd", {}, key!)), h("dd", {}, text!)])),
    h("p", {}, h("button", { onclick: () => dialog.close() }, t("close")), ` WorkerPool ${store.version}`));
  dialog.showModal();
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  const typing = event.target === filter;
  // A slider uses the arrow keys itself.
  if (event.target instanceof HTMLInputElement && !typing && event.key !== "Escape") return;
  if (event.key === "Escape") return onEscape(typing);
  if (typing && event.key !== "ArrowDown") return;
  if (event.key === "/") filter.focus();
  else if (event.key === "?") showHelp();
  else if (event.key === "l") void toggleLanguage();
  else if (event.key === "t") toggleTheme();
  else if (view instanceof Overview && ["j", "k", "ArrowDown", "ArrowUp"].includes(event.key)) {
    moveFocus(event.key === "j" || event.key === "ArrowDown" ? 1 : -1);
  } else if (event.target instanceof HTMLButtonElement && event.key === " ") return;
  else if (!(view instanceof Detail) || !view.onKey(event.key)) return;
  event.preventDefault();
}

/** Clears the filter, leaves it, or goes back to all pools. */
function onEscape(typing: boolean): void {
  if (typing && filter.value) {
    filter.value = "";
    if (view instanceof Overview) view.arrange();
  } else if (typing) filter.blur();
  else if (view instanceof Detail) location.hash = "#/";
}

/** Moves the focus to the next or the previous row. */
function moveFocus(by: number): void {
  const rows = [...page.querySelectorAll<HTMLElement>("a.row:not([hidden])")];
  const index = rows.indexOf(document.activeElement as HTMLElement);
  rows[index < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, index + by))]?.focus();
}
