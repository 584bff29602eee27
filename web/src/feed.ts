/** The one stream: says within three seconds that it is broken, and comes back by itself. */
import type { Message } from "./store";

export type Link = "connecting" | "live" | "broken";

/** The operator beats every second. */
const PATIENCE = 2_500, LOOK = 250, PAUSE = 1_000;

export class Feed {
  private source: EventSource | null = null;
  private heard = 0;
  private again = 0;
  private link: Link = "connecting";

  constructor(
    private readonly url: string,
    private readonly onMessage: (message: Message) => void,
    private readonly onLink: (link: Link) => void,
  ) {
    this.open();
    setInterval(() => this.watch(), LOOK);
    // A laptop that wakes up does not wait for a timer.
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.link === "live" || this.retry());
  }

  private open(): void {
    this.source?.close();
    this.heard = performance.now();
    const source = (this.source = new EventSource(this.url));
    source.onmessage = (event: MessageEvent<string>) => {
      this.heard = performance.now();
      this.say("live");
      this.onMessage(JSON.parse(event.data) as Message);
    };
    source.onerror = () => this.lose();
  }

  private watch(): void {
    const now = performance.now();
    if (this.source && now - this.heard > PATIENCE) this.lose();
    else if (!this.source && now >= this.again) this.open();
  }

  /** EventSource gives up for good on some errors, and does not notice a connection that only fell silent. */
  private lose(): void {
    this.source?.close();
    this.source = null;
    this.again = performance.now() + PAUSE;
    this.say("broken");
  }

  private retry(): void {
    this.again = 0;
    if (!this.source) this.open();
  }

  private say(link: Link): void {
    if (link === this.link) return;
    this.link = link;
    this.onLink(link);
  }
}
