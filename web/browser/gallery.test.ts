/** The gallery in Chromium, against the real front, real workers and a real Redis. Run `cargo build-programs` first. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Browser, type BrowserOptions } from "./stage";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target");
const PROGRAM = ["release", "debug"].map((profile) => join(TARGET, profile, "workerpool-worker")).find(existsSync) ?? "";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DONE = "#board li.done";

const folder = mkdtempSync(join(tmpdir(), "gallery-"));
const started: ChildProcess[] = [];
let url = "";
let redis = "";
let browser: Browser | undefined;

function start(program: string, args: string[]): ChildProcess {
  const child = spawn(program, args, { stdio: "ignore" });
  started.push(child);
  return child;
}

// The system takes the ports of connections from a range above, and could take a free one of it before the server does.
const freePort = (): Promise<number> => new Promise((resolve) => {
  const port = 10_000 + Math.floor(22_000 * Math.random());
  const server = createServer().once("error", () => resolve(freePort()));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(port)));
});

function worker(name: string): ChildProcess {
  const health = join(folder, `${name}.json`);
  return start(PROGRAM, ["--redis", redis, "--name", name, "--health-file", health]);
}

const alive = async () => (await (await fetch(`${url}api/metrics`)).json()).workers.live;

beforeAll(async () => {
  if (!PROGRAM) throw new Error("first: cargo build-programs");
  const [redisPort, port] = [await freePort(), await freePort()];
  redis = `redis://127.0.0.1:${redisPort}`;
  url = `http://localhost:${port}/`;
  start("redis-server", ["--port", String(redisPort), "--bind", "127.0.0.1", "--save", "", "--dir", folder]);
  start(PROGRAM, ["--redis", redis, "serve", "--listen", `[::]:${port}`]);
  worker("filter-worker-7d9c5b6f4-x2x9z");
  worker("filter-worker-7d9c5b6f4-k8w4q");
  const deadline = Date.now() + 60_000;
  while (await alive().catch(() => 0) !== 2) {
    if (Date.now() > deadline) throw new Error("two workers do not register");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
afterAll(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  const errors = browser?.errors ?? [];
  await browser?.close();
  browser = undefined;
  expect(errors, "no page errors, no policy violations, no requests to other hosts").toEqual([]);
});

async function open(options: BrowserOptions = {}): Promise<Page> {
  browser = await Browser.open(options);
  const page = await browser.page(url);
  await page.waitForSelector("#send:enabled");
  return page;
}

/** A photo of the browser's own making, in the shape of a phone's. */
async function photo(page: Page, type = "image/jpeg"): Promise<Buffer> {
  const base64 = await page.evaluate((type) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [600, 900];
    const context = canvas.getContext("2d")!;
    for (let n = 0; n < 60; n++) {
      context.fillStyle = `hsl(${n * 6} 80% 50%)`;
      context.fillRect(0, n * 15, 600, 15);
    }
    return canvas.toDataURL(type).split(",")[1]!;
  }, type);
  return Buffer.from(base64, "base64");
}

const text = (page: Page, selector: string) => page.locator(selector).innerText();
const count = (page: Page, selector: string) => page.locator(selector).count();

test("a dropped photo comes back tile by tile, by name of the worker", async () => {
  const page = await open();
  const file = (await photo(page)).toString("base64");
  await page.evaluate(async (file) => {
    const bytes = Uint8Array.from(atob(file), (it) => it.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], "me.jpg", { type: "image/jpeg" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }, file);
  await expect.poll(() => page.evaluate(() => document.getElementById("board")!.style.getPropertyValue("--columns")), { message: "an upright photo" }).toBe("4");
  await page.selectOption("#delay", "1000");
  await page.click("#send");
  await page.waitForFunction(() => {
    const tiles = (state: string) => document.querySelectorAll(`#board li.${state}`).length;
    return tiles("done") > 0 && tiles("runs") > 0 && tiles("waits") > 0;
  });
  await page.waitForSelector("#runs:not([hidden])");
  expect(await count(page, DONE)).toBe(24);
  expect(await text(page, "#status")).toMatch(/^Finished: 24 tiles in \d+\.\d s with 2 workers\.$/);
  const names = new Set(await page.locator("#board .badge b").allInnerTexts());
  expect([...names].sort()).toEqual(["k8w4q", "x2x9z"]);
  expect(await page.locator(`${DONE} img`).first().getAttribute("alt")).toMatch(/^Tile 1: by \w{5} in \d\.\d s$/);
  expect(await page.locator("#team li").first().getAttribute("title")).toMatch(/^filter-worker-7d9c5b6f4-\w{5}\.\d+$/);
  // Half a second for each tile, and 2 workers: about 6 s.
  const [tiles, workers, time] = await page.locator("#runs tbody td").allInnerTexts();
  expect([tiles, workers]).toEqual(["24", "2"]);
  expect(parseFloat(time!)).toBeGreaterThan(5);
  const loaded = await page.evaluate(() => [...document.querySelectorAll<HTMLImageElement>("#board img")].every((it) => it.complete && it.naturalWidth > 100 && it.src.includes("/image")));
  expect(loaded, "the tiles are the workers' images").toBe(true);
  expect(await text(page, "#workers")).toBe("2");
});

test("works by keyboard alone", async () => {
  const page = await open({ reducedMotion: true });
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.getAttribute("value") || document.activeElement?.className);
  const reached: unknown[] = [];
  for (let n = 0; n < 30 && (await focused()) !== "send"; n++) {
    await page.waitForSelector("#send:enabled"); // not while the photo is cut
    await page.keyboard.press("Tab");
    const at = await focused();
    reached.push(at);
    const outline = await page.evaluate(() => {
      const element = document.activeElement!;
      const styles = [element, element.nextElementSibling, element.closest(".drop")].filter((it) => it !== null).map((it) => getComputedStyle(it));
      return styles.some((it) => it.outlineStyle !== "none" && parseFloat(it.outlineWidth) >= 2);
    });
    const html = await page.evaluate(() => document.activeElement!.outerHTML.slice(0, 200));
    expect(outline, `the focus on ${html} after ${reached.join()} can be seen`).toBe(true);
    if (at === "blur") await page.keyboard.press("Space");
    if (at === "24") await page.keyboard.press("ArrowLeft");
    if (at === "delay") await page.keyboard.press("Home");
  }
  expect(reached.slice(0, 3)).toEqual(["skip", "file", "plain"]);
  await expect.poll(() => count(page, "#board li")).toBe(12);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#runs:not([hidden])");
  expect(await text(page, "#status")).toMatch(/^Finished: 12 tiles/);
  expect(await page.locator("input[value=blur]").isChecked()).toBe(true);
});

test("what is not a picture, or too large, is refused in plain words", async () => {
  const page = await open({ lang: "es-CO" });
  expect(await page.getAttribute("html", "lang")).toBe("es");
  const choose = (name: string, buffer: Buffer) => page.setInputFiles("#file", { name, mimeType: "image/png", buffer });
  await choose("notas.png", Buffer.from("no es una imagen"));
  await expect.poll(() => text(page, "#problem")).toBe("Su navegador no puede leer «notas.png» como imagen. Elija un fichero JPEG, PNG o WebP.");
  const large = join(folder, "<b>enorme.png");
  writeFileSync(large, "");
  truncateSync(large, 41 * 1024 * 1024);
  await page.setInputFiles("#file", large); // a buffer of this size would travel to the browser as text
  await expect.poll(() => text(page, "#problem")).toBe("«<b>enorme.png» es demasiado grande: 41 MB. El máximo son 40 MB. Elija una foto más pequeña.");
  expect(await page.locator("#problem").getAttribute("role")).toBe("alert");
  await choose("bien.png", await photo(page, "image/png"));
  await expect.poll(() => page.locator("#problem").isHidden()).toBe(true);
});

test("a lost answer is sent again, and nothing is done twice", async () => {
  const page = await open();
  const arrived = async () => (await (await fetch(`${url}api/metrics`)).json()).tasks.arrived;
  const before = await arrived();
  let lost = 0;
  await page.route("**/process-batch/**", async (route) => {
    if (lost++ > 0) return route.continue();
    await route.fetch(); // it arrives, and the answer is lost
    await route.abort();
  });
  await page.selectOption("#delay", "0");
  await page.click("#send");
  await page.waitForSelector("#runs:not([hidden])");
  expect(lost).toBe(2);
  expect((await arrived()) - before).toBe(24);
});

test("a server's refusal is shown, and the page can send again", async () => {
  const page = await open();
  await page.route("**/process-batch/**", (route) => route.fulfill({ status: 413, json: { error: { message: "the request is too large", hint: "send fewer images" } } }));
  await page.click("#send");
  await expect.poll(() => text(page, "#problem")).toBe("The server refused the picture: the request is too large: send fewer images");
  await page.unroute("**/process-batch/**");
  await page.selectOption("#delay", "0");
  await page.click("#send");
  await page.waitForSelector("#runs:not([hidden])");
  expect(await page.locator("#problem").isHidden()).toBe(true);
  browser!.errors.length = 0; // Chromium reports the 413 as an error
});

test("the queries are bounded", async () => {
  const page = await open();
  const queries: number[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/api/tasks?") || request.url().includes("/api/metrics")) queries.push(Date.now());
  });
  const begin = Date.now();
  await page.selectOption("#delay", "500");
  await page.click("#send");
  await page.waitForSelector("#runs:not([hidden])", { timeout: 30_000 });
  const perSecond = (1000 * queries.length) / (Date.now() - begin);
  expect(perSecond).toBeLessThan(5);
});

test.each([["light", { dark: false }], ["dark", { dark: true }], ["phone", { width: 390, height: 844, scale: 2 }]] as const)("axe finds nothing, %s", async (_, options) => {
  const page = await open({ ...options, reducedMotion: true });
  await page.selectOption("#delay", "0");
  await page.click("#send");
  await page.waitForSelector("#runs:not([hidden])");
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const axe = (window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe;
    return (await axe.run()).violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map((it) => `${it.html} ${it.failureSummary}`)]);
  });
  expect(violations).toEqual([]);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow, "nothing is wider than the screen").toBeLessThanOrEqual(0);
});
