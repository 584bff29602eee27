/** The page in Chromium, against the dashboard program with the operator's own fleet and routes. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Browser, Program, type BrowserOptions } from "./stage";

let program: Program;
let browser: Browser | undefined;

beforeAll(async () => { program = await Program.start(20, 10); });
afterAll(() => program.kill());
afterEach(async () => {
  const errors = browser?.errors ?? [];
  await browser?.close();
  browser = undefined;
  expect(errors, "no page errors, no policy violations, no requests to other hosts").toEqual([]);
});

async function open(path = "", options: BrowserOptions = {}, target = program): Promise<Page> {
  browser = await Browser.open(options);
  const page = await browser.page(target.url + path);
  await page.waitForSelector(".row[data-rank], .tiles dd");
  return page;
}

const names = (page: Page) => page.locator("a.row:not([hidden]) .name").allInnerTexts();
const text = (page: Page, selector: string) => page.locator(selector).first().innerText();
const hidden = (page: Page, selector: string) => page.waitForSelector(selector, { state: "hidden" });

test("lists problems first, and filters by keyboard", async () => {
  const page = await open();
  const all = await names(page);
  expect(all).toHaveLength(20);
  const [problem, limit, healthy] = ["webhooks", "thumbnails", "filters"].map((name) => all.findIndex((row) => row.endsWith(`/${name}`)));
  expect([problem! < limit!, limit! < healthy!]).toEqual([true, true]);
  await page.keyboard.press("/");
  await page.keyboard.type("mail !mail-");
  await expect.poll(() => names(page)).toEqual([expect.stringContaining("shop/mail")]);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".detail h1");
  expect(await text(page, ".detail h1")).toBe("shop/mail");
  await page.keyboard.press("Escape");
  await page.waitForSelector(".overview");
});

test("a decision appears in headline and history and is announced to screen readers", async () => {
  const page = await open("#/shop/filters");
  const before = await page.locator(".history li").count();
  program.send("push filters 60");
  await page.waitForFunction((n) => document.querySelectorAll(".history li").length > n, before);
  expect(await text(page, ".history li")).toMatch(/▲ \d+ → \d+/);
  expect(await text(page, ".history li")).toMatch(/\d ms after the push/);
  await expect.poll(() => text(page, ".steps")).toMatch(/scaleUp\.queueLength \d+ > 8/);
  await expect.poll(() => page.locator("#announcement").textContent()).toMatch(/\d+\stasks wait, more than 8/);
  await expect.poll(() => text(page, ".tiles > div:first-child dd")).toMatch(/^\d+$/);
});

test("users' text never becomes markup", async () => {
  const page = await open("#/shop/reports");
  program.send(`fail reports <img src=x onerror="document.title='owned'"><b>bold</b>`);
  await page.waitForFunction(() => document.querySelector(".message")?.textContent?.includes("<b>bold</b>"));
  expect(await page.locator("main img, main .message b").count()).toBe(0);
  expect(await page.title()).not.toBe("owned");
  expect(await text(page, ".tiles > div:first-child dd"), "unknown is never zero").toBe("?");
  program.send("recover reports");
  await page.waitForFunction(() => !document.querySelector(".message")?.textContent?.includes("bold"));
});

test("the language follows the browser, and the switch persists over a reload", async () => {
  const page = await open("", { lang: "es-MX" });
  expect(await page.getAttribute("html", "lang")).toBe("es");
  expect(await text(page, ".chip")).toMatch(/20 pools/);
  await page.getByRole("button", { name: "English" }).click();
  await expect.poll(() => page.getAttribute("html", "lang")).toBe("en");
  await page.reload();
  await page.waitForSelector(".row[data-rank]");
  expect(await page.getAttribute("html", "lang")).toBe("en");
  await page.goto(`${program.url}?lang=es#/shop/filters`);
  await page.waitForSelector(".tiles dd");
  expect(await text(page, ".tiles dt")).toMatch(/Longitud de la cola/);
});

test("screen readers get a table with headers and labelled metrics", async () => {
  const page = await open();
  const tree = await page.locator("main").ariaSnapshot();
  expect(tree).toMatch(/table "All pools"/);
  expect(tree).toMatch(/columnheader "Queue"/);
  expect(tree).toMatch(/rowheader ".*webhooks"/);
  await page.locator("a.row[href$=webhooks]").click();
  await page.waitForSelector(".tiles dd");
  const one = await page.locator("body").ariaSnapshot();
  expect(one).toMatch(/heading "shop\/webhooks"/);
  expect(one).toMatch(/img "Chart of queue, wait and workers/);
  expect(one).toMatch(/term: .*Queue length/);
});

test("a hanging stream shows a banner, keeps the last data, and reconnects", async () => {
  const own = await Program.start(3, 2);
  try {
    const page = await open("", {}, own);
    const before = await names(page);
    own.suspend();
    await page.waitForSelector(".banner:not([hidden])");
    expect(await text(page, ".banner")).toMatch(/No connection to the operator for \d+ s.*Last data received at/);
    expect(await names(page)).toEqual(before);
    own.resume();
    await hidden(page, ".banner");
    expect(await page.locator("body.stale").count()).toBe(0);
  } finally {
    own.resume();
    await own.kill();
  }
});

test("reconnects to a new operator at the same address without a reload", async () => {
  const first = await Program.start(3, 2);
  const page = await open("#/shop/filters", {}, first);
  await first.kill();
  await page.waitForSelector(".banner:not([hidden])");
  const second = await Program.start(1, 2, first.port);
  try {
    await hidden(page, ".banner");
    await page.keyboard.press("Escape");
    await expect.poll(() => names(page)).toHaveLength(1);
  } finally {
    await second.kill();
  }
});

test("freeze stops the chart, and the arrow keys move through time", async () => {
  const page = await open("#/shop/filters");
  await page.locator("canvas").focus();
  await page.keyboard.press(" ");
  await page.waitForSelector("button[aria-pressed=true]:has-text('Follow')");
  for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowLeft");
  await expect.poll(() => text(page, ".readout")).toMatch(/\d\d:\d\d:\d\d · \d+ waiting · \d+\/\d+ busy/);
  await page.keyboard.press(" ");
  await page.waitForSelector("button:has-text('Freeze')");
});

test("what if: sliders and dragged thresholds replay the last hour and give YAML", async () => {
  const page = await open("#/shop/filters");
  await page.locator("details.whatif summary").click();
  await expect.poll(() => text(page, ".result")).toMatch(/Simulated: \d+ changes, [\d.]+ worker hours \(actual [\d.]+\), peak \d+ \(\d+\)/);
  const queueUp = page.locator(".sliders input").first();
  await queueUp.focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
  await expect.poll(() => text(page, ".yaml pre")).toMatch(/^spec:\n {2}scaleUp:\n {4}queueLength: 13\n {4}utilizationPercent: 80\n {4}cpuPercent: 90\n {4}step: 2\n {4}cooldown: \w+\n/);
  // Find the line of the threshold by its cursor, and drag it up.
  await page.locator("canvas").scrollIntoViewIfNeeded();
  const box = (await page.locator("canvas").boundingBox())!;
  const x = box.x + box.width / 2;
  const cursor = () => page.locator("canvas").evaluate((canvas) => canvas.style.cursor);
  let y = box.y + 10;
  for (; y < box.y + box.height / 2; y += 4) {
    await page.mouse.move(x, y);
    if ((await cursor()) === "ns-resize") break;
  }
  expect(await cursor()).toBe("ns-resize");
  await page.mouse.down();
  await page.mouse.move(x, y - 15, { steps: 3 });
  await page.mouse.up();
  await expect.poll(async () => Number(await queueUp.inputValue())).toBeGreaterThan(13);
  await page.locator("button:has-text('Reset')").click();
  await expect.poll(() => queueUp.inputValue()).toBe("8");
});

test("the worker table shows state, tasks and removal order", async () => {
  const own = await Program.start(1, 2);
  try {
    const page = await open("#/shop/filters", {}, own);
    await page.waitForSelector(".worker-table tbody tr");
    const tree = await page.locator(".worker-table").ariaSnapshot();
    expect(tree).toMatch(/table "Workers: \d+ registered, pods \d+"/);
    for (const head of ["Pod", "State", "For", "Works on", "CPU", "Removal order"]) expect(tree).toContain(`columnheader "${head}"`);
    expect(tree).toMatch(/rowheader "filters-worker-5d4f-\w{5}"/);
    expect(await page.locator(".worker-table tbody td:last-child").allInnerTexts()).toEqual(expect.arrayContaining([expect.stringMatching(/^1st/), expect.stringMatching(/^3rd/)]));
    own.send("push filters 60");
    await expect.poll(() => page.locator(".worker-table tr[data-state=busy]").count()).toBeGreaterThanOrEqual(3);
    expect(await text(page, ".worker-table tr[data-state=busy]")).toMatch(/█\s*busy\s+\d+ s\s+1 task\s+75 %\s+\d(st|nd|rd|th)/);
  } finally {
    await own.kill();
  }
});

test("a stalled worker is marked, and the table stays when Redis cannot be read", async () => {
  const own = await Program.start(3, 2);
  try {
    const page = await open("#/shop/mail", {}, own);
    own.send("stall mail");
    await expect.poll(() => text(page, ".worker-table tr[data-state=stalled]").catch(() => "")).toMatch(/⚠\s*stalled: alive, but takes no tasks/);
    own.send("fail mail connection refused");
    await expect.poll(() => text(page, ".notes").catch(() => "")).toMatch(/could not be read: Redis at redis:6379 does not answer: connection refused/);
    expect(await page.locator(".worker-table tbody tr").count(), "the last known workers stay").toBeGreaterThan(0);
  } finally {
    await own.kill();
  }
});

test("a queue system without workers shows a note instead of an empty table", async () => {
  const page = await open("#/shop/video");
  await expect.poll(() => text(page, ".notes").catch(() => "")).toMatch(/does not report its workers/);
  expect(await page.locator(".worker-table thead").isVisible()).toBe(false);
});

test("only the page of a pool requests workers, at most once a second", async () => {
  const page = await open("#/shop/filters");
  let requests = 0;
  page.on("request", (request) => void (request.url().endsWith("/workers") && requests++));
  for (let i = 0; i < 20; i++) {
    program.send("push filters 1");
    await page.waitForTimeout(150);
  }
  expect(requests).toBeGreaterThanOrEqual(2);
  expect(requests).toBeLessThanOrEqual(5);
  await page.keyboard.press("Escape");
  await page.waitForSelector(".overview");
  await page.waitForTimeout(1_200);
  const before = requests;
  await page.waitForTimeout(2_500);
  expect(requests).toBe(before);
});

test("why not another number: by keyboard and in both languages", async () => {
  const own = await Program.start(1, 2);
  try {
    const page = await open("#/shop/filters", {}, own);
    await page.locator("button.toggle").focus();
    await page.keyboard.press("Enter");
    expect(await page.getAttribute("button.toggle", "aria-expanded")).toBe("true");
    await page.keyboard.type("12");
    await expect.poll(() => text(page, ".whynot")).toMatch(/\d+ workers, and not 12, because[\s\S]*maxReplicas\s+10[\s\S]*By hand\s+kubectl workerpool scale filters 12/);
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement?.className), "the focus returns to the button").toBe("toggle");
    await page.keyboard.press("l");
    await page.waitForSelector("html[lang=es]"); // its texts are loaded, and the page is drawn again
    await page.locator("button.toggle").click();
    await page.locator(".whynot input").fill("12");
    await expect.poll(() => text(page, ".whynot")).toMatch(/workers, y no 12, porque[\s\S]*A mano/);
  } finally {
    await own.kill();
  }
});

for (const [name, options] of Object.entries({ phone: { width: 320, height: 640 }, projector: { width: 1920, height: 1080 } })) {
  test(`the page fits a ${name}`, async () => {
    for (const path of ["", "#/shop/filters", "#/shop/webhooks"]) {
      const page = await open(path, options);
      if (path) {
        await page.locator("button.toggle").click();
        await page.waitForSelector(".whynot dl > div, .whynot p:not(:empty)");
        await page.waitForSelector(".worker-table tbody tr, .notes li");
      }
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(options.width);
      await browser!.close();
    }
    browser = undefined;
  });
}

for (const dark of [false, true]) {
  test(`all text has AA contrast in the ${dark ? "dark" : "light"} theme`, async () => {
    for (const path of ["", "#/shop/filters"]) {
      const page = await open(path, { dark });
      if (path) {
        await page.locator("button.toggle").click();
        await page.waitForSelector(".whynot dl > div, .whynot p:not(:empty)");
        await page.waitForSelector(".worker-table tbody tr, .notes li");
      }
      expect(await page.evaluate(contrasts), path).toEqual([]);
      await browser!.close();
    }
    browser = undefined;
  });
}

/** Texts whose contrast to their background is below WCAG AA; runs in the page. */
function contrasts(): string[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  const rgba = (colour: string) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb: number[]) => {
    const [r, g, b] = rgb.map((n) => (n / 255 <= 0.04045 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4)) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const violations: string[] = [];
  for (const element of document.querySelectorAll<HTMLElement>("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent!.trim());
    if (!hasText || !element.checkVisibility()) continue;
    let opaque: HTMLElement | null = element;
    while (opaque && rgba(getComputedStyle(opaque).backgroundColor)[3] !== 255) opaque = opaque.parentElement;
    const style = getComputedStyle(element);
    const background = luminance(rgba(opaque ? getComputedStyle(opaque).backgroundColor : "white").slice(0, 3));
    const foreground = luminance(rgba(style.color).slice(0, 3));
    const ratio = (Math.max(foreground, background) + 0.05) / (Math.min(foreground, background) + 0.05);
    if (ratio < 4.5) violations.push(`${element.className || element.tagName} ${element.textContent!.slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return violations;
}
