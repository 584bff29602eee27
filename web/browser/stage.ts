/** The real program and a real Chromium, for tests: `cargo build --example dashboard` comes before. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium, type BrowserContext, type Page } from "playwright-core";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target");
const PROGRAM = ["release", "debug"].map((kind) => join(TARGET, kind, "examples/dashboard")).find(existsSync);
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export interface Decision { pool: string; to: number; at: number }

/** The dashboard with played queues, in a process of its own. */
export class Program {
  readonly decisions: Decision[] = [];
  private constructor(readonly child: ChildProcess, readonly port: number) {}

  static async start(pools: number, minutes: number, port = 0): Promise<Program> {
    if (!PROGRAM) throw new Error("first: cargo build --example dashboard --no-default-features --features operator");
    const child = spawn(PROGRAM, [`127.0.0.1:${port}`, String(pools), String(minutes)], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout! });
    return new Promise((done, fail) => {
      let program: Program | undefined;
      child.once("exit", (code) => fail(new Error(`the program ended with ${code}`)));
      lines.on("line", (line) => {
        const [what, ...rest] = line.split(" ");
        if (what === "listening") done((program = new Program(child, Number(rest[0]))));
        if (what === "decided") program?.decisions.push({ pool: rest[0]!, to: Number(rest[1]), at: Number(rest[2]) });
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  type(line: string): void {
    this.child.stdin!.write(`${line}\n`);
  }

  /** Without a goodbye, as when a node dies. */
  kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve();
    return new Promise((done) => {
      this.child.once("exit", () => done());
      this.child.kill("SIGKILL");
    });
  }

  /** It neither answers nor closes anything, as when a laptop sleeps or a port-forward hangs. */
  hang(): void {
    this.child.kill("SIGSTOP");
  }

  goOn(): void {
    this.child.kill("SIGCONT");
  }
}

export interface Looks { width?: number; height?: number; scale?: number; dark?: boolean; lang?: string; calm?: boolean }

export class Browser {
  private readonly profile = mkdtempSync(join(tmpdir(), "dashboard-"));
  readonly errors: string[] = [];
  context!: BrowserContext;

  static async open(looks: Looks = {}): Promise<Browser> {
    const browser = new Browser();
    const { width = 1280, height = 800, scale = 1, dark = false, lang = "en-GB", calm = false } = looks;
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: CHROMIUM,
      headless: true,
      args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--enable-precise-memory-info", "--js-flags=--expose-gc"],
      viewport: { width, height },
      deviceScaleFactor: scale,
      colorScheme: dark ? "dark" : "light",
      reducedMotion: calm ? "reduce" : "no-preference",
      locale: lang,
    });
    return browser;
  }

  /** A page whose every complaint, refusal of the policy included, is kept. */
  async page(url: string): Promise<Page> {
    const page = await this.context.newPage();
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      // A lost connection is no fault of the page.
      if (message.type() === "error" && !/net::ERR_/.test(message.text())) this.errors.push(message.text());
    });
    page.on("request", (request) => {
      if (new URL(request.url()).host !== new URL(url).host) this.errors.push(`a request to ${request.url()}`);
    });
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}
