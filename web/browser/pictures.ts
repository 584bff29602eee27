/** Takes screenshots of the page in all its variants: `PICTURES=FOLDER npx vite-node browser/pictures.ts [NAME...]`. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { Browser, Program, type BrowserOptions } from "./stage";

interface Shot { name: string; pools: number; minutes?: number; path?: string; options?: BrowserOptions; before?: (page: Page, program: Program) => Promise<void>; full?: boolean }

const FILTERS = "#/shop/filters";
const push = async (page: Page, program: Program) => {
  program.send("push filters 25");
  await page.waitForTimeout(14_000);
};
const SHOTS: Shot[] = [
  { name: "dashboard-pool", pools: 1, path: FILTERS, options: { dark: true }, before: push },
  { name: "dashboard-workers", pools: 1, path: FILTERS, options: { height: 620 }, before: async (page, program) => {
    program.send("stall filters");
    await push(page, program);
    await page.locator(".worker-table").evaluate((table) => table.scrollIntoView({ block: "center" }));
    await page.waitForTimeout(500);
  } },
  { name: "one-light-es", pools: 1, path: FILTERS, options: { lang: "es-ES", height: 1150 }, before: push },
  { name: "one-overview", pools: 1 },
  { name: "twenty-dark", pools: 20, options: { dark: true } },
  { name: "dashboard-overview-es", pools: 20, options: { lang: "es-ES" } },
  { name: "dashboard-500", pools: 500, minutes: 12, options: { dark: true } },
  { name: "phone-overview", pools: 20, options: { width: 390, height: 844, scale: 2 } },
  { name: "dashboard-phone-es", pools: 20, path: FILTERS, options: { width: 390, height: 844, scale: 2, dark: true, lang: "es-ES" }, before: push },
  { name: "dashboard-projector-es", pools: 20, path: FILTERS, options: { width: 1920, height: 1080, lang: "es-ES" }, before: push },
  { name: "hour", pools: 20, path: FILTERS, options: {}, before: async (page) => { await page.keyboard.press("-"); await page.keyboard.press("-"); } },
  { name: "dashboard-what-if", pools: 20, path: FILTERS, options: { width: 1400, height: 1420 }, before: async (page) => {
    await page.locator("details.whatif summary").click();
    for (const [slider, value] of [[0, "20"], [1, "100"], [8, "120"]] as const) await page.locator(".sliders input").nth(slider).fill(value);
    await page.waitForTimeout(1_000);
  } },
  { name: "dashboard-unknown", pools: 20, path: "#/shop/reports", options: {}, before: async (page, program) => {
    program.send("fail reports connection refused <b>67 tries</b>");
    await page.waitForTimeout(45_000);
    program.send("recover reports");
    await page.waitForTimeout(12_000);
    program.send("fail reports connection refused <b>67 tries</b>");
    await page.waitForTimeout(8_000);
  } },
  { name: "dashboard-broken", pools: 20, path: FILTERS, options: {}, before: async (page, program) => {
    program.suspend();
    await page.waitForTimeout(12_000);
  } },
  { name: "broken-overview", pools: 20, options: { dark: true, lang: "es-ES" }, before: async (page, program) => {
    await program.kill();
    await page.waitForTimeout(5_000);
  } },
];

const folder = process.env.PICTURES ?? "pictures";
mkdirSync(folder, { recursive: true });
for (const shot of SHOTS.filter(({ name }) => process.argv.length < 3 || process.argv.slice(2).some((part) => name.includes(part)))) {
  const program = await Program.start(shot.pools, shot.minutes ?? 61);
  const browser = await Browser.open(shot.options);
  const page = await browser.page(program.url + (shot.path ?? ""));
  await page.waitForSelector(".row[data-rank], .tiles dd");
  await page.waitForTimeout(1_500);
  await shot.before?.(page, program);
  await page.screenshot({ path: join(folder, `${shot.name}.png`), fullPage: shot.full ?? false });
  console.log(shot.name, browser.errors);
  await browser.close();
  await program.kill().catch(() => undefined);
}
process.exit(0);
