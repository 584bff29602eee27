/** The connection to the operator's event stream: it reports a failure within three seconds and reconnects. */
import type { Message } from "./store";

export type Connection = "connecting" | "live" | "broken";

/** Milliseconds. The operator sends a heartbeat every second. */
const TIMEOUT = 2_500, CHECK_INTERVAL = 250, RETRY_DELAY = 1_000;

export class Stream {
  private source: EventSource | null = null;
  private lastMessageAt = 0;
  private retryAt = 0;
  private connection: Connection = "connecting";

  constructor(
    private readonly url: string,
    private readonly onMessage: (message: Message) => void,
    private readonly onConnection: (connection: Connection) => void,
  ) {
    this.open();
    setInterval(() => this.check(), CHECK_INTERVAL);
    // After a laptop wakes up, reconnect at once.
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.connection === "live" || this.retry());
  }

  private open(): void {
    this.source?.close();
    this.lastMessageAt = performance.now();
    const source = (this.source = new EventSource(this.url));
    source.onmessage = (event: MessageEvent<string>) => {
      this.lastMessageAt = performance.now();
      this.setConnection("live");
      this.onMessage(JSON.parse(event.data) as Message);
    };
    source.onerror = () => this.disconnect();
  }

  private check(): void {
    const now = performance.now();
    if (this.source && now - this.lastMessageAt > TIMEOUT) this.disconnect();
    else if (!this.source && now >= this.retryAt) this.open();
  }

  /** EventSource stops retrying after some errors and does not detect a silent connection, so this class does both. */
  private disconnect(): void {
    this.source?.close();
    this.source = null;
    this.retryAt = performance.now() + RETRY_DELAY;
    this.setConnection("broken");
  }

  private retry(): void {
    this.retryAt = 0;
    if (!this.source) this.open();
  }

  private setConnection(connection: Connection): void {
    if (connection === this.connection) return;
    this.connection = connection;
    this.onConnection(connection);
  }
}
