/** The style sheet's colours as a canvas takes them, for the present theme. */
const NAMES = ["ink", "dim", "line", "queue", "wait", "busy", "idle", "wanted", "up", "down", "trouble", "panel", "window"] as const;

export type Palette = Record<(typeof NAMES)[number], string> & { font: number };

let known: Palette | null = null;

export function palette(): Palette {
  if (known) return known;
  const probe = document.body.appendChild(document.createElement("i"));
  const all = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  const font = parseFloat(getComputedStyle(document.documentElement).fontSize);
  known = { ...Object.fromEntries(all), font } as Palette;
  return known;
}

/** After a change of theme or size. */
export function repaint(): void {
  known = null;
}

/** A canvas of its own size in CSS pixels, sharp on each screen, and empty. */
export function sharp(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const pen = canvas.getContext("2d");
  pen?.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen?.clearRect(0, 0, width, height);
  return pen;
}
