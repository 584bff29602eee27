/** Measures the page in Chromium against the dashboard program: `npx vite-node browser/measure.ts [MINUTES] [paint|frames|thousand|memory]`. */
import { readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import type { Page } from "playwright-core";
import { Browser, Program } from "./stage";

/** How long each memory measurement takes. */
const minutes = Number(process.argv[2] ?? 4);

function quantile(numbers: number[], q: number): number {
  const sorted = numbers.slice().sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}
const report = (title: string, numbers: number[], unit = "ms") =>
  console.log(`${title}: p50 ${quantile(numbers, 0.5).toFixed(1)}, p95 ${quantile(numbers, 0.95).toFixed(1)}, p99 ${quantile(numbers, 0.99).toFixed(1)}, max ${Math.max(...numbers).toFixed(1)} ${unit}, n ${numbers.length}`);

async function paint(): Promise<void> {
  const program = await Program.start(20, 10);
  const paints: number[] = [];
  const bytes: number[] = [];
  for (let i = 0; i < 12; i++) {
    const browser = await Browser.open();
    const page = await browser.page(program.url);
    await page.waitForSelector(".row[data-rank]");
    const [paintAt, size] = await page.evaluate(() => [
      performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .filter(({ name }) => !name.includes("/api/"))
        .reduce((sum, entry) => sum + (entry as PerformanceResourceTiming).encodedBodySize, 0),
    ]);
    paints.push(paintAt!);
    bytes.push(size!);
    await browser.close();
  }
  report("first contentful paint, each in a new Chromium", paints);
  report("size of the page's files on the wire", bytes, "bytes");
  await program.kill();
}

async function frames(pools: number): Promise<void> {
  const program = await Program.start(pools, 12);
  const browser = await Browser.open();
  const page = await browser.page(program.url);
  await page.waitForSelector(".row[data-rank]");
  for (const scrolling of [false, true]) {
    const numbers = await page.evaluate(async (scrolling) => {
      const all: number[] = [];
      let last = performance.now();
      const end = last + 30_000;
      while (last < end) {
        const now = await new Promise<number>(requestAnimationFrame);
        if (scrolling) scrollTo(0, ((now / 4) % document.body.scrollHeight));
        all.push(now - last);
        last = now;
      }
      return all.slice(1);
    }, scrolling);
    report(`frames with ${pools} live pools${scrolling ? ", scrolling" : ""}`, numbers);
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

/** Measures the time from the decision to scale to the row that shows it. */
async function latency(page: Page, program: Program): Promise<void> {
  await page.evaluate(() => {
    const shown: [string, number, number][] = [];
    (window as unknown as { shown: unknown }).shown = shown;
    new MutationObserver((changes) => {
      const now = performance.timeOrigin + performance.now();
      for (const { target } of changes) {
        const cell = (target instanceof Element ? target : target.parentElement)?.closest(".workers");
        const name = cell?.closest("a.row")?.getAttribute("href")?.split("/").at(-1);
        if (cell && name) shown.push([name, Number(cell.textContent!.split("→").at(-1)), now]);
      }
    }).observe(document.querySelector(".rows")!, { subtree: true, childList: true, characterData: true });
  });
  const start = program.decisions.length;
  await page.waitForTimeout(150_000);
  const shown = await page.evaluate(() => (window as unknown as { shown: [string, number, number][] }).shown);
  const decisions = program.decisions.slice(start).filter(({ at }) => at < Date.now() - 2_000);
  const latencies = decisions.map(({ pool, to, at }) => (shown.find(([name, n, when]) => name === pool && n === to && when >= at - 5)?.[2] ?? Infinity) - at);
  console.log(`decisions ${decisions.length}, not shown ${latencies.filter((latency) => latency === Infinity).length}`);
  report("decision to DOM, 500 pools", latencies.filter(Number.isFinite));
}

async function memory(): Promise<void> {
  const program = await Program.start(200, 61);
  const proc = (file: string) => readFileSync(`/proc/${program.child.pid}/${file}`, "utf8");
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(proc("status"))![1]) / 1024;
  const cpu = () => proc("stat").split(" ").slice(13, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
  const measureMemory = async (title: string, page?: Page) => {
    const heap = () => page?.evaluate(() => {
      (window as unknown as { gc?: () => void }).gc?.();
      return (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize / 2 ** 20;
    });
    const [rssBefore, heapBefore, cpuBefore, start] = [rss(), await heap(), cpu(), Date.now()];
    await new Promise((resolve) => setTimeout(resolve, minutes * 60_000));
    const [rssAfter, heapAfter, milliCpu] = [rss(), await heap(), ((cpu() - cpuBefore) / (Date.now() - start)) * 1000];
    console.log(`${title}, ${minutes} min: program ${rssBefore.toFixed(1)} → ${rssAfter.toFixed(1)} MiB, ${milliCpu.toFixed(1)} mCPU` +
      (page ? `; Chromium's heap ${heapBefore!.toFixed(2)} → ${heapAfter!.toFixed(2)} MiB` : ""));
  };
  await measureMemory("200 pools, no viewer");
  const browser = await Browser.open();
  const page = await browser.page(`${program.url}#/shop/filters`);
  await page.waitForSelector(".tiles dd");
  await measureMemory("200 pools, 1 viewer", page);
  const streams: IncomingMessage[] = [];
  let bytes = 0;
  for (let i = 0; i < 49; i++) {
    get(`${program.url}api/stream`, (response) => {
      streams.push(response);
      response.on("data", (chunk: Buffer) => { bytes += chunk.length; }).on("error", () => undefined);
    }).on("error", () => undefined);
  }
  await measureMemory("200 pools, 50 viewers", page);
  console.log(`${streams.length} streams in addition to the page's, ${(bytes / 49 / minutes / 60 / 1024).toFixed(1)} KiB/s each`);
  streams.forEach((response) => response.destroy());
  await browser.close();
  await program.kill();
}

const parts: Record<string, () => Promise<void>> = { paint, frames: () => frames(500), thousand: () => frames(1_000), memory };
for (const [name, part] of Object.entries(parts)) if (!process.argv[3] || process.argv[3] === name) await part();
process.exit(0);
