/** Figures of the real page on the real routes: `npx vite-node browser/measure.ts [minutes of memory] [paint|frames|thousand|memory]`. */
import { readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import type { Page } from "playwright-core";
import { Browser, Program } from "./stage";

const minutes = Number(process.argv[2] ?? 4);

function share(numbers: number[], part: number): number {
  const sorted = numbers.slice().sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}
const say = (what: string, numbers: number[], unit = "ms") =>
  console.log(`${what}: p50 ${share(numbers, 0.5).toFixed(1)}, p95 ${share(numbers, 0.95).toFixed(1)}, p99 ${share(numbers, 0.99).toFixed(1)}, max ${Math.max(...numbers).toFixed(1)} ${unit}, n ${numbers.length}`);

async function paint(): Promise<void> {
  const program = await Program.start(20, 10);
  const [first, bytes]: [number[], number[]] = [[], []];
  for (let i = 0; i < 12; i++) {
    const browser = await Browser.open();
    const page = await browser.page(program.url);
    await page.waitForSelector(".row[data-rank]");
    const [at, weight] = await page.evaluate(() => [
      performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .filter(({ name }) => !name.includes("/api/"))
        .reduce((sum, entry) => sum + (entry as PerformanceResourceTiming).encodedBodySize, 0),
    ]);
    first.push(at!);
    bytes.push(weight!);
    await browser.close();
  }
  say("first contentful paint, each in a fresh Chromium", first);
  say("the page's own files as they come over the wire", bytes, "bytes");
  await program.kill();
}

async function frames(pools: number): Promise<void> {
  const program = await Program.start(pools, 12);
  const browser = await Browser.open();
  const page = await browser.page(program.url);
  await page.waitForSelector(".row[data-rank]");
  for (const scrolls of [false, true]) {
    const numbers = await page.evaluate(async (scrolls) => {
      const all: number[] = [];
      let last = performance.now();
      const end = last + 30_000;
      while (last < end) {
        const now = await new Promise<number>(requestAnimationFrame);
        if (scrolls) scrollTo(0, ((now / 4) % document.body.scrollHeight));
        all.push(now - last);
        last = now;
      }
      return all.slice(1);
    }, scrolls);
    say(`frames with ${pools} live pools${scrolls ? ", scrolling" : ""}`, numbers);
  }
  const heap = await page.evaluate(() => {
    (window as unknown as { gc?: () => void }).gc?.();
    return (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize / 2 ** 20;
  });
  console.log(`Chromium's heap with ${pools} pools: ${heap.toFixed(1)} MiB`);
  if (pools === 500) await latency(page, program);
  await browser.close();
  await program.kill();
}

/** From the instant in which the fleet asks for a scale to the row that says it. */
async function latency(page: Page, program: Program): Promise<void> {
  await page.evaluate(() => {
    const seen: [string, number, number][] = [];
    (window as unknown as { seen: unknown }).seen = seen;
    new MutationObserver((changes) => {
      const now = performance.timeOrigin + performance.now();
      for (const { target } of changes) {
        const cell = (target instanceof Element ? target : target.parentElement)?.closest(".workers");
        const name = cell?.closest("a.row")?.getAttribute("href")?.split("/").at(-1);
        if (cell && name) seen.push([name, Number(cell.textContent!.split("→").at(-1)), now]);
      }
    }).observe(document.querySelector(".rows")!, { subtree: true, childList: true, characterData: true });
  });
  const start = program.decisions.length;
  await page.waitForTimeout(150_000);
  const seen = await page.evaluate(() => (window as unknown as { seen: [string, number, number][] }).seen);
  const taken = program.decisions.slice(start).filter(({ at }) => at < Date.now() - 2_000);
  const waits = taken.map(({ pool, to, at }) => (seen.find(([name, n, when]) => name === pool && n === to && when >= at - 5)?.[2] ?? Infinity) - at);
  console.log(`decisions ${taken.length}, not seen ${waits.filter((wait) => wait === Infinity).length}`);
  say("decision to DOM, 500 pools", waits.filter(Number.isFinite));
}

async function memory(): Promise<void> {
  const program = await Program.start(200, 61);
  const proc = (file: string) => readFileSync(`/proc/${program.child.pid}/${file}`, "utf8");
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(proc("status"))![1]) / 1024;
  const cpu = () => proc("stat").split(" ").slice(13, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
  const rest = async (what: string, page?: Page) => {
    const heap = () => page?.evaluate(() => {
      (window as unknown as { gc?: () => void }).gc?.();
      return (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize / 2 ** 20;
    });
    const [r, h, c, at] = [rss(), await heap(), cpu(), Date.now()];
    await new Promise((done) => setTimeout(done, minutes * 60_000));
    const [r2, h2, spent] = [rss(), await heap(), ((cpu() - c) / (Date.now() - at)) * 1000];
    console.log(`${what}, ${minutes} min: program ${r.toFixed(1)} → ${r2.toFixed(1)} MiB, ${spent.toFixed(1)} mCPU` +
      (page ? `; Chromium's heap ${h!.toFixed(2)} → ${h2!.toFixed(2)} MiB` : ""));
  };
  await rest("200 pools, nobody looks");
  const browser = await Browser.open();
  const page = await browser.page(`${program.url}#/shop/filters`);
  await page.waitForSelector(".tiles dd");
  await rest("200 pools, 1 viewer", page);
  const others: IncomingMessage[] = [];
  let bytes = 0;
  for (let i = 0; i < 49; i++) {
    get(`${program.url}api/stream`, (response) => {
      others.push(response);
      response.on("data", (chunk: Buffer) => { bytes += chunk.length; }).on("error", () => undefined);
    }).on("error", () => undefined);
  }
  await rest("200 pools, 50 viewers", page);
  console.log(`${others.length} streams besides the page's, ${(bytes / 49 / minutes / 60 / 1024).toFixed(1)} KiB a second each`);
  others.forEach((response) => response.destroy());
  await browser.close();
  await program.kill();
}

const parts: Record<string, () => Promise<void>> = { paint, frames: () => frames(500), thousand: () => frames(1_000), memory };
for (const [name, part] of Object.entries(parts)) if (!process.argv[3] || process.argv[3] === name) await part();
process.exit(0);
