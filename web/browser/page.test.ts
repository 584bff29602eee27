/** The page in a real Chromium, on the real routes and the real fleet. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Browser, Program, type Looks } from "./stage";

let program: Program;
let browser: Browser | undefined;

beforeAll(async () => { program = await Program.start(20, 10); });
afterAll(() => program.kill());
afterEach(async () => {
  const errors = browser?.errors ?? [];
  await browser?.close();
  browser = undefined;
  expect(errors, "errors of the page, refusals of its policy, requests to elsewhere").toEqual([]);
});

async function open(path = "", looks: Looks = {}, of = program): Promise<Page> {
  browser = await Browser.open(looks);
  const page = await browser.page(of.url + path);
  await page.waitForSelector(".row[data-rank], .tiles dd");
  return page;
}

const names = (page: Page) => page.locator("a.row:not([hidden]) .name").allInnerTexts();
const text = (page: Page, selector: string) => page.locator(selector).first().innerText();
const gone = (page: Page, selector: string) => page.waitForSelector(selector, { state: "hidden" });

test("all pools, problems first, and a filter by keyboard", async () => {
  const page = await open();
  const all = await names(page);
  expect(all).toHaveLength(20);
  const [trouble, limit, well] = ["webhooks", "thumbnails", "filters"].map((name) => all.findIndex((row) => row.endsWith(`/${name}`)));
  expect([trouble! < limit!, limit! < well!]).toEqual([true, true]);
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

test("a decision comes to the screen, into the history and to a screen reader", async () => {
  const page = await open("#/shop/filters");
  const before = await page.locator(".history li").count();
  program.type("push filters 60");
  await page.waitForFunction((n) => document.querySelectorAll(".history li").length > n, before);
  expect(await text(page, ".history li")).toMatch(/▲ \d+ → \d+/);
  expect(await text(page, ".history li")).toMatch(/\d ms after the push/);
  await expect.poll(() => text(page, ".trail")).toMatch(/scaleUp\.queueLength \d+ > 8/);
  await expect.poll(() => page.locator("#said").textContent()).toMatch(/\d+\stasks wait, more than 8/);
  await expect.poll(() => text(page, ".tiles > div:first-child dd")).toMatch(/^\d+$/);
});

test("what users write never becomes markup", async () => {
  const page = await open("#/shop/reports");
  program.type(`blind reports <img src=x onerror="document.title='owned'"><b>bold</b>`);
  await page.waitForFunction(() => document.querySelector(".sentence")?.textContent?.includes("<b>bold</b>"));
  expect(await page.locator("main img, main .sentence b").count()).toBe(0);
  expect(await page.title()).not.toBe("owned");
  expect(await text(page, ".tiles > div:first-child dd"), "unknown is never zero").toBe("?");
  program.type("see reports");
  await page.waitForFunction(() => !document.querySelector(".sentence")?.textContent?.includes("bold"));
});

test("Spanish from the browser, English by a switch, and again after a reload", async () => {
  const page = await open("", { lang: "es-MX" });
  expect(await page.getAttribute("html", "lang")).toBe("es");
  expect(await text(page, ".chip")).toMatch(/20 pools/);
  await page.getByRole("button", { name: "In English" }).click();
  expect(await text(page, ".chip")).toMatch(/20 pools/);
  await page.reload();
  await page.waitForSelector(".row[data-rank]");
  expect(await page.getAttribute("html", "lang")).toBe("en");
  await page.goto(`${program.url}?lang=es#/shop/filters`);
  await page.waitForSelector(".tiles dd");
  expect(await text(page, ".tiles dt")).toMatch(/Longitud de la cola/);
});

test("a screen reader finds a table, and knows what each number is", async () => {
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

test("a stream that hangs is said to be broken, keeps its picture, and comes back", async () => {
  const own = await Program.start(3, 2);
  try {
    const page = await open("", {}, own);
    const picture = await names(page);
    own.hang();
    await page.waitForSelector(".banner:not([hidden])");
    expect(await text(page, ".banner")).toMatch(/No connection to the operator for \d+ s.*last picture/);
    expect(await names(page)).toEqual(picture);
    own.goOn();
    await gone(page, ".banner");
    expect(await page.locator("body.stale").count()).toBe(0);
  } finally {
    own.goOn();
    await own.kill();
  }
});

test("a new operator at the same address is found without a reload, with what it knows", async () => {
  const first = await Program.start(3, 2);
  const page = await open("#/shop/filters", {}, first);
  await first.kill();
  await page.waitForSelector(".banner:not([hidden])");
  const second = await Program.start(1, 2, first.port);
  try {
    await gone(page, ".banner");
    await page.keyboard.press("Escape");
    await expect.poll(() => names(page)).toHaveLength(1);
  } finally {
    await second.kill();
  }
});

test("freeze holds the picture, and the arrows move through time", async () => {
  const page = await open("#/shop/filters");
  await page.locator("canvas").focus();
  await page.keyboard.press(" ");
  await page.waitForSelector("button[aria-pressed=true]:has-text('Follow')");
  for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowLeft");
  await expect.poll(() => text(page, ".readout")).toMatch(/\d\d:\d\d:\d\d · \d+ waiting · \d+\/\d+ busy/);
  await page.keyboard.press(" ");
  await page.waitForSelector("button:has-text('Freeze')");
});

test("what if: a slider and a dragged threshold replay the hour, with the YAML to copy", async () => {
  const page = await open("#/shop/filters");
  await page.locator("details.whatif summary").click();
  await expect.poll(() => text(page, ".sum")).toMatch(/It would have been: \d+ changes, [\d.]+ worker hours \(it was [\d.]+\), at most \d+ \(\d+\)/);
  const queueUp = page.locator(".sliders input").first();
  await queueUp.focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
  await expect.poll(() => text(page, ".yaml pre")).toMatch(/^spec:\n {2}scaleUp: \{queueLength: 13, utilizationPercent: 80, cpuPercent: 90, step: 2, cooldown: \w+\}/);
  // The line of the threshold is found by its cursor, and dragged up.
  await page.locator("canvas").scrollIntoViewIfNeeded();
  const box = (await page.locator("canvas").boundingBox())!;
  const [x, grip] = [box.x + box.width / 2, async () => page.locator("canvas").evaluate((canvas) => canvas.style.cursor)];
  let y = box.y + 10;
  for (; y < box.y + box.height / 2; y += 4) {
    await page.mouse.move(x, y);
    if ((await grip()) === "ns-resize") break;
  }
  expect(await grip()).toBe("ns-resize");
  await page.mouse.down();
  await page.mouse.move(x, y - 15, { steps: 3 });
  await page.mouse.up();
  await expect.poll(async () => Number(await queueUp.inputValue())).toBeGreaterThan(13);
  await page.locator("button:has-text('As it is now')").click();
  await expect.poll(() => queueUp.inputValue()).toBe("8");
});

test("the workers of a pool: who does what, who goes next, and who has fallen silent", async () => {
  const own = await Program.start(1, 2);
  try {
    const page = await open("#/shop/filters", {}, own);
    await page.waitForSelector(".crew tbody tr");
    const tree = await page.locator(".crew").ariaSnapshot();
    expect(tree).toMatch(/table "Workers: \d+ registered, pods \d+"/);
    for (const head of ["Pod", "State", "For", "Works on", "CPU", "Order of going"]) expect(tree).toContain(`columnheader "${head}"`);
    expect(tree).toMatch(/rowheader "filters-worker-5d4f-\w{5}"/);
    expect(await page.locator(".crew tbody td:last-child").allInnerTexts()).toEqual(expect.arrayContaining([expect.stringMatching(/^1st/), expect.stringMatching(/^3rd/)]));
    own.type("push filters 60");
    await expect.poll(() => page.locator(".crew tr[data-state=busy]").count()).toBeGreaterThanOrEqual(3);
    expect(await text(page, ".crew tr[data-state=busy]")).toMatch(/█\s*busy\s+\d+ s\s+1 task\s+75 %\s+\d(st|nd|rd|th)/);
  } finally {
    await own.kill();
  }
});

test("a silent worker is named, and unknown is never zero", async () => {
  const own = await Program.start(3, 2);
  try {
    const page = await open("#/shop/mail", {}, own);
    own.type("deafen mail");
    await expect.poll(() => text(page, ".crew tr[data-state=deaf]").catch(() => "")).toMatch(/⚠\s*silent: lives and takes nothing/);
    own.type("blind mail connection refused");
    await expect.poll(() => text(page, ".notes").catch(() => "")).toMatch(/could not be read: connection refused/);
    expect(await page.locator(".crew tbody tr").count(), "the last that was known stays").toBeGreaterThan(0);
  } finally {
    await own.kill();
  }
});

test("a list names no worker, and says so in place of an empty table", async () => {
  const page = await open("#/shop/video");
  await expect.poll(() => text(page, ".notes").catch(() => "")).toMatch(/does not name its workers/);
  expect(await page.locator(".crew thead").isVisible()).toBe(false);
});

test("only the page of one pool asks for workers, at most once a second, and a hidden one for nothing", async () => {
  const page = await open("#/shop/filters");
  const asked: [number, string][] = [];
  page.on("request", (request) => void (request.url().endsWith("/workers") && asked.push([Date.now(), request.url()])));
  for (let i = 0; i < 20; i++) {
    program.type("push filters 1");
    await page.waitForTimeout(150);
  }
  expect(asked.length).toBeGreaterThanOrEqual(2);
  expect(asked.length).toBeLessThanOrEqual(5);
  await page.keyboard.press("Escape");
  await page.waitForSelector(".overview");
  await page.waitForTimeout(1_200);
  const before = asked.length;
  await page.waitForTimeout(2_500);
  expect(asked.length).toBe(before);
});

test("why not another number: by keyboard, in both languages, from the operator", async () => {
  const own = await Program.start(1, 2);
  try {
    const page = await open("#/shop/filters", {}, own);
    await page.locator("button.ask").focus();
    await page.keyboard.press("Enter");
    expect(await page.getAttribute("button.ask", "aria-expanded")).toBe("true");
    await page.keyboard.type("12");
    await expect.poll(() => text(page, ".whynot")).toMatch(/\d+ workers, and not 12, because[\s\S]*maxReplicas\s+10[\s\S]*By hand\s+kubectl workerpool scale filters 12/);
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement?.className), "back where it was opened").toBe("ask");
    await page.keyboard.press("l");
    await page.locator("button.ask").click();
    await page.locator(".whynot input").fill("12");
    await expect.poll(() => text(page, ".whynot")).toMatch(/workers, y no 12, porque[\s\S]*A mano/);
  } finally {
    await own.kill();
  }
});

for (const [name, looks] of Object.entries({ phone: { width: 320, height: 640 }, projector: { width: 1920, height: 1080 } })) {
  test(`nothing sticks out on a ${name}`, async () => {
    for (const path of ["", "#/shop/filters", "#/shop/webhooks"]) {
      const page = await open(path, looks);
      if (path) {
        await page.locator("button.ask").click();
        await page.waitForSelector(".whynot dl > div, .whynot p:not(:empty)");
        await page.waitForSelector(".crew tbody tr, .notes li");
      }
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(looks.width);
      await browser!.close();
    }
    browser = undefined;
  });
}

for (const dark of [false, true]) {
  test(`all text has AA contrast in ${dark ? "dark" : "light"}`, async () => {
    for (const path of ["", "#/shop/filters"]) {
      const page = await open(path, { dark });
      if (path) {
        await page.locator("button.ask").click();
        await page.waitForSelector(".whynot dl > div, .whynot p:not(:empty)");
        await page.waitForSelector(".crew tbody tr, .notes li");
      }
      expect(await page.evaluate(contrasts), path).toEqual([]);
      await browser!.close();
    }
    browser = undefined;
  });
}

/** Texts whose contrast to their ground is below WCAG's AA; runs in the page. */
function contrasts(): string[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
  const rgba = (colour: string) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb: number[]) => {
    const [r, g, b] = rgb.map((n) => (n / 255 <= 0.04045 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4)) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const bad: string[] = [];
  for (const element of document.querySelectorAll<HTMLElement>("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent!.trim());
    if (!own || !element.checkVisibility()) continue;
    let ground: HTMLElement | null = element;
    while (ground && rgba(getComputedStyle(ground).backgroundColor)[3] !== 255) ground = ground.parentElement;
    const style = getComputedStyle(element);
    const under = light(rgba(ground ? getComputedStyle(ground).backgroundColor : "white").slice(0, 3));
    const over = light(rgba(style.color).slice(0, 3));
    const ratio = (Math.max(over, under) + 0.05) / (Math.min(over, under) + 0.05);
    if (ratio < 4.5) bad.push(`${element.className || element.tagName} ${element.textContent!.slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return bad;
}
