// Cuts a photo into tiles, sends them as one batch, and shows each tile when its worker has finished it.
import { decimal, LANG, seconds, t, translatePage } from "/texts.js";
import { sample } from "/samples.js";

/** @typedef {import("./texts.js").TextKey} TextKey */
/** @typedef {{id: string, status: "pending" | "done" | "failed" | "unknown", worker?: string, error?: string, result?: {worker?: string, millis?: number, image?: {url: string}}}} Task */
/** @typedef {{element: HTMLElement, image: HTMLImageElement, badge: HTMLElement, blob: Blob, n: number, state: string}} Tile */
/** @typedef {{name: string, color: string, tiles: number, millis: number}} Painter */
/** @typedef {{tiles: Map<string, Tile>, total: number, started: number, painters: Map<string, Painter>, failed: number, error: string}} Run */

const FILTERS = /** @type {const} */ (["sepia", "contrast", "blur", "sharpen", "edges", "grayscale", "brightness", "rotate"]);
const COLORS = ["#ffb454", "#7ad7f0", "#a6e3a1", "#f5a3c7", "#c9b6ff", "#ffe66d", "#8ef0d0", "#ff9d8a", "#b4d455", "#9ec5ff"];
/** The largest file, in bytes: the browser decodes it. */
const MAX_FILE = 40 * 1024 * 1024;
/** The longer side of the whole picture that is sent, in pixels. */
const SIDE = 1152;
/** The shortest time between two queries, in milliseconds. A slow server gets four times its own time. */
const POLL = 350;
const TRIES = 10;

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`no ${type.name} #${id}`);
  return element;
}

const board = byId("board", HTMLOListElement);
const file = byId("file", HTMLInputElement);
const form = byId("form", HTMLFormElement);
const send = byId("send", HTMLButtonElement);
const progress = byId("progress", HTMLProgressElement);

/** @type {HTMLCanvasElement | ImageBitmap} */
let photo = sample("mountains");
/** @type {Tile[]} */
let tiles = [];
/** @type {Run | undefined} */
let run;
/** @type {Map<string, string>} the color of each worker */
const colors = new Map();
/** Counts the cuts, so that a late one does not replace a newer one. */
let cuts = 0;

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} id @param {string} text */
function show(id, text) {
  const element = byId(id, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}

/** Shows what is wrong, or nothing. @param {string} text */
function problem(text) {
  const element = byId("problem", HTMLParagraphElement);
  element.hidden = text === "";
  show("problem", text);
}

/** The part of a worker's name that differs from the others': of a pod its last five letters. @param {string} id */
function shortName(id) {
  const name = id.replace(/\.\d+$/, "");
  const last = name.split("-").at(-1) ?? name;
  return last.length > 10 ? last.slice(-8) : last;
}

/** @param {string} id */
function colorOf(id) {
  let color = colors.get(id);
  if (!color) colors.set(id, (color = COLORS[colors.size % COLORS.length] ?? "#fff"));
  return color;
}

/** Columns and rows of square tiles, close to the shape of the photo. @param {number} count */
function grid(count) {
  const shape = Math.log(photo.width / photo.height);
  const pairs = Array.from({ length: count }, (_, n) => n + 1).filter((n) => count % n === 0).map((n) => [n, count / n]);
  const distance = (/** @type {number[]} */ [columns = 1, rows = 1]) => Math.abs(Math.log(columns / rows) - shape);
  const [columns = 1, rows = 1] = pairs.sort((a, b) => distance(a) - distance(b))[0] ?? [];
  return { columns, rows };
}

/** Cuts the photo and shows its tiles. */
async function cut() {
  const mine = ++cuts;
  run = undefined;
  send.disabled = true;
  const count = Number(new FormData(form).get("tiles"));
  const { columns, rows } = grid(count);
  const side = Math.floor(SIDE / Math.max(columns, rows));
  const scale = Math.min(photo.width / columns, photo.height / rows);
  const [left, top] = [(photo.width - scale * columns) / 2, (photo.height - scale * rows) / 2];
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  /** @type {Tile[]} */
  const cut = [];
  for (let n = 0; n < count; n++) {
    const [x, y] = [n % columns, Math.floor(n / columns)];
    context.drawImage(photo, left + x * scale, top + y * scale, scale, scale, 0, 0, side, side);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    cut.push(makeTile(blob, n + 1));
  }
  if (mine !== cuts) return;
  for (const tile of tiles) URL.revokeObjectURL(tile.image.src);
  tiles = cut;
  board.style.setProperty("--columns", String(columns));
  board.style.setProperty("--rows", String(rows));
  board.replaceChildren(...tiles.map((tile) => tile.element));
  progress.max = count;
  progress.value = 0;
  send.disabled = false;
  send.textContent = t("send");
  show("clock", "–");
  show("status", t("ready", { tiles: count }));
}

/** @param {Blob} blob @param {number} n @returns {Tile} */
function makeTile(blob, n) {
  const element = document.createElement("li");
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  image.alt = t("tile", { n });
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.ariaHidden = "true"; // the image's text has it too
  element.append(image, badge);
  return { element, image, badge, blob, n, state: "" };
}

/** @param {File | null | undefined} chosen */
async function open(chosen) {
  if (!chosen) return;
  const name = chosen.name.slice(0, 40);
  if (chosen.size > MAX_FILE) {
    const megabytes = (/** @type {number} */ bytes) => Math.round(bytes / 1024 / 1024);
    problem(t("tooLarge", { name, size: megabytes(chosen.size), max: megabytes(MAX_FILE) }));
    return;
  }
  try {
    photo = await createImageBitmap(chosen);
  } catch {
    problem(t("notAnImage", { name }));
    return;
  }
  problem("");
  await cut();
}

class Refused extends Error {}

/** Sends a batch. The key makes it safe to send it again when the answer is lost. @param {FormData} batch @returns {Promise<string[]>} */
async function post(batch) {
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (it) => it.toString(16).padStart(2, "0")).join("");
  for (let attempt = 1; ; attempt++) {
    let wait = 1000;
    let failure = t("noAnswer");
    try {
      const response = await fetch("/api/process-batch/distributed/", { method: "POST", body: batch, headers: { "Idempotency-Key": key } });
      if (response.ok) {
        const { tasks } = await response.json();
        return tasks.map((/** @type {Task} */ task) => task.id);
      }
      const { error } = await response.json().catch(() => ({ error: undefined }));
      const message = [error?.message ?? response.statusText, error?.hint].filter(Boolean).join(": ");
      if (![408, 429, 503].includes(response.status)) throw new Refused(t("refused", { message }));
      failure = `${t("busy")} (${message})`;
      wait = 1000 * Number(response.headers.get("Retry-After") ?? 1);
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    if (attempt === TRIES) throw new Refused(failure);
    problem(failure);
    await pause(wait + 500 * Math.random());
  }
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  if (send.disabled) return;
  send.disabled = true;
  problem("");
  const batch = new FormData();
  for (const tile of tiles) {
    batch.append("images", tile.blob, "tile.jpg");
    update(tile, "waits");
  }
  const chosen = new FormData(form);
  const filters = chosen.getAll("filters");
  if (filters.length) batch.append("filters", filters.join(","));
  batch.append("delayMs", byId("delay", HTMLSelectElement).value);
  batch.append("output", "jpeg");
  progress.value = 0;
  // On a phone the picture is below the form.
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (matchMedia("(max-width: 720px)").matches) board.scrollIntoView({ block: "start", behavior: still ? "instant" : "smooth" });
  byId("team", HTMLUListElement).replaceChildren();
  show("status", t("sending", { tiles: tiles.length }));
  const mine = cuts;
  const started = performance.now();
  try {
    const ids = await post(batch);
    problem("");
    if (mine !== cuts) return;
    const byTask = new Map(ids.map((id, n) => [id, /** @type {Tile} */ (tiles[n])]));
    run = { tiles: byTask, total: ids.length, started, painters: new Map(), failed: 0, error: "" };
    await follow(run);
  } catch (error) {
    if (mine === cuts) problem(error instanceof Error ? error.message : String(error));
  }
  if (mine !== cuts) return;
  send.disabled = false;
  send.textContent = t("again");
}

/** Asks for the tiles of a run until all are back. @param {Run} mine */
async function follow(mine) {
  let quarter = 0;
  while (run === mine && mine.tiles.size > 0) {
    const asked = performance.now();
    try {
      const response = await fetch(`/api/tasks?ids=${[...mine.tiles.keys()].join(",")}`);
      if (!response.ok) throw new Error(response.statusText);
      /** @type {{tasks: Task[]}} */
      const { tasks } = await response.json();
      if (run !== mine) return;
      problem("");
      for (const task of tasks) take(mine, task);
    } catch {
      problem(t("noAnswer"));
    }
    const done = mine.total - mine.tiles.size;
    progress.value = done;
    if (Math.floor((4 * done) / mine.total) > quarter) {
      quarter = Math.floor((4 * done) / mine.total);
      show("status", t("progress", { done, tiles: mine.total }));
    }
    if (mine.tiles.size > 0) await pause(Math.max(POLL, 4 * (performance.now() - asked)));
  }
  if (run === mine) finish(mine);
}

/** Takes in what is known of a task. @param {Run} mine @param {Task} task */
function take(mine, task) {
  const tile = mine.tiles.get(task.id);
  if (!tile) return;
  if (task.status === "pending") {
    if (task.worker) update(tile, "runs", task.worker);
    return;
  }
  mine.tiles.delete(task.id);
  const { worker = "", millis = 0, image } = task.result ?? {};
  if (task.status !== "done" || !image) {
    mine.failed++;
    mine.error = task.status === "unknown" ? t("gone") : String(task.error ?? "").slice(0, 200);
    update(tile, "failed", mine.error);
    return;
  }
  const painter = mine.painters.get(worker) ?? { name: shortName(worker), color: colorOf(worker), tiles: 0, millis: 0 };
  painter.tiles++;
  painter.millis += millis;
  mine.painters.set(worker, painter);
  URL.revokeObjectURL(tile.image.src);
  tile.image.src = image.url;
  update(tile, "done", worker, seconds(millis));
  showTeam(mine);
}

/** Shows the state of a tile: waits, runs, done or failed. @param {Tile} tile @param {string} state @param {string} [who] @param {string} [time] */
function update(tile, state, who = "", time = "") {
  if (tile.state === state + who && state !== "waits") return;
  tile.state = state + who;
  const { n, element, image, badge } = tile;
  const worker = shortName(who);
  element.className = state;
  element.style.setProperty("--color", state === "runs" || state === "done" ? colorOf(who) : "transparent");
  const texts = {
    waits: t("tileWaits", { n }), runs: t("tileRuns", { n, worker }),
    done: t("tileDone", { n, worker, time }), failed: t("tileFailed", { n, error: who }),
  };
  image.alt = element.title = texts[/** @type {keyof typeof texts} */ (state)];
  const name = document.createElement("b");
  name.textContent = state === "failed" ? "✕" : state === "waits" ? "" : worker;
  badge.replaceChildren(name, ` ${time}`);
  if (state === "waits") image.src = URL.createObjectURL(tile.blob);
}

/** @param {Run} mine */
function showTeam(mine) {
  const painters = [...mine.painters].sort(([, a], [, b]) => b.tiles - a.tiles);
  const rows = painters.map(([id, painter]) => {
    const row = document.createElement("li");
    row.title = id;
    row.style.setProperty("--color", painter.color);
    row.style.setProperty("--share", `${(100 * painter.tiles) / Math.max(...painters.map(([, it]) => it.tiles))}%`);
    const name = document.createElement("b");
    name.textContent = painter.name;
    const count = document.createElement("span");
    const time = seconds(painter.millis / painter.tiles);
    count.textContent = t("worked", { count: painter.tiles, time });
    row.append(name, count);
    return row;
  });
  byId("team", HTMLUListElement).replaceChildren(...rows);
}

/** @param {Run} mine */
function finish(mine) {
  run = undefined;
  const elapsed = performance.now() - mine.started;
  const done = mine.total - mine.failed;
  show("clock", seconds(elapsed));
  if (mine.failed) problem(t("failed", { count: mine.failed, error: mine.error }));
  if (!done) return show("status", "");
  const workers = mine.painters.size;
  show("status", t("finished", { tiles: done, time: seconds(elapsed), workers }));
  const row = document.createElement("tr");
  for (const text of [done, workers, seconds(elapsed), decimal((1000 * done) / elapsed)]) {
    row.insertCell().textContent = String(text);
  }
  const runs = byId("runs", HTMLTableElement);
  runs.hidden = false;
  byId("no-runs", HTMLElement).hidden = true;
  const [body] = runs.tBodies;
  body?.prepend(row);
  body?.rows[6]?.remove();
}

/** Keeps the numbers at the top up to date, while the page is visible. */
async function watch() {
  /** @type {{at: number, done: number}[]} */
  let samples = [];
  for (;;) {
    const asked = performance.now();
    if (!document.hidden) {
      try {
        const { queue, workers, tasks } = await (await fetch("/api/metrics")).json();
        const now = performance.now();
        show("workers", workers.live.toLocaleString(LANG));
        show("waiting", queue.waiting.toLocaleString(LANG));
        samples = [...samples.filter((it) => now - it.at < 6000), { at: now, done: tasks.done + tasks.failed }];
        const first = /** @type {{at: number, done: number}} */ (samples[0]);
        const rate = now > first.at ? Math.max(0, (1000 * (tasks.done + tasks.failed - first.done)) / (now - first.at)) : 0;
        show("rate", decimal(rate));
        const problems = byId("problem", HTMLElement);
        if (run && workers.live === 0) problem(t("noWorkers"));
        else if (problems.textContent === t("noWorkers")) problem("");
      } catch {
        for (const id of ["workers", "waiting", "rate"]) show(id, "?");
      }
    }
    await pause(Math.max(run ? 700 : 2000, 4 * (performance.now() - asked)));
  }
}

translatePage();
for (const name of FILTERS) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "checkbox", name: "filters", value: name, checked: name === "sepia" });
  const text = document.createElement("span");
  text.textContent = t(name);
  label.append(input, text);
  byId("filters", HTMLElement).append(label);
}
form.addEventListener("submit", submit);
form.addEventListener("change", ({ target }) => {
  if (target === file) void open(file.files?.[0]).then(() => (file.value = ""));
  else if (target instanceof HTMLInputElement && target.name === "tiles") void cut();
});
for (const button of document.querySelectorAll("button[data-sample]")) {
  button.addEventListener("click", () => {
    photo = sample(button.getAttribute("data-sample") ?? "");
    problem("");
    void cut();
  });
}
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  byId("drop", HTMLElement).classList.add("over");
});
for (const end of /** @type {const} */ (["dragleave", "drop"])) {
  document.addEventListener(end, () => byId("drop", HTMLElement).classList.remove("over"));
}
document.addEventListener("drop", (event) => {
  event.preventDefault();
  void open(event.dataTransfer?.files[0]);
});
setInterval(() => run && show("clock", seconds(performance.now() - run.started)), 100);
void cut();
void watch();
