/** The dashboard program and a Chromium for the browser tests. Run `cargo build-programs` first. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium, type BrowserContext, type Page } from "playwright-core";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target");
const PROGRAM = ["release", "debug"].map((profile) => join(TARGET, profile, "examples/dashboard")).find(existsSync);
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export interface Decision { pool: string; to: number; at: number }

/** The dashboard with simulated queues, in a process of its own. */
export class Program {
  readonly decisions: Decision[] = [];
  private constructor(readonly child: ChildProcess, readonly port: number) {}

  static async start(pools: number, minutes: number, port = 0): Promise<Program> {
    if (!PROGRAM) throw new Error("first: cargo build-programs");
    const child = spawn(PROGRAM, [`127.0.0.1:${port}`, String(pools), String(minutes)], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout! });
    return new Promise((resolve, reject) => {
      let program: Program | undefined;
      child.once("exit", (code) => reject(new Error(`the program exited with ${code}`)));
      lines.on("line", (line) => {
        const [event, ...args] = line.split(" ");
        if (event === "listening") resolve((program = new Program(child, Number(args[0]))));
        if (event === "decided") program?.decisions.push({ pool: args[0]!, to: Number(args[1]), at: Number(args[2]) });
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Sends a command, such as `push filters 25`, `fail reports some error`, `recover reports` or `stall mail`. */
  send(command: string): void {
    this.child.stdin!.write(`${command}\n`);
  }

  /** Ends it without a graceful shutdown, as when a node dies. */
  kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.child.once("exit", () => resolve());
      this.child.kill("SIGKILL");
    });
  }

  /** Stops it without closing connections, as when a laptop sleeps or a port-forward hangs. */
  suspend(): void {
    this.child.kill("SIGSTOP");
  }

  resume(): void {
    this.child.kill("SIGCONT");
  }
}

export interface BrowserOptions { width?: number; height?: number; scale?: number; dark?: boolean; lang?: string; reducedMotion?: boolean }

export class Browser {
  private readonly profile = mkdtempSync(join(tmpdir(), "dashboard-"));
  readonly errors: string[] = [];
  context!: BrowserContext;

  static async open(options: BrowserOptions = {}): Promise<Browser> {
    const browser = new Browser();
    const { width = 1280, height = 800, scale = 1, dark = false, lang = "en-GB", reducedMotion = false } = options;
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: CHROMIUM,
      headless: true,
      args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--enable-precise-memory-info", "--js-flags=--expose-gc"],
      viewport: { width, height },
      deviceScaleFactor: scale,
      colorScheme: dark ? "dark" : "light",
      reducedMotion: reducedMotion ? "reduce" : "no-preference",
      locale: lang,
    });
    return browser;
  }

  /** Opens a page and records its errors, violations of the content security policy included. */
  async page(url: string): Promise<Page> {
    const page = await this.context.newPage();
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      // A lost connection is expected in some tests.
      if (message.type() === "error" && !/net::ERR_/.test(message.text())) this.errors.push(message.text());
    });
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== new URL(url).origin) this.errors.push(`a request to ${request.url()}`);
    });
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}
