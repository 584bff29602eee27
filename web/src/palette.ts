/** The colours of the style sheet, resolved for the current theme, for drawing on a canvas. */
const NAMES = ["text", "muted", "line", "queue", "wait", "busy", "idle", "desired", "up", "down", "trouble"] as const;

/** `font` is the root font size in CSS pixels. */
export type Palette = Record<(typeof NAMES)[number], string> & { font: number };

let cached: Palette | null = null;

export function palette(): Palette {
  if (cached) return cached;
  const probe = document.body.appendChild(document.createElement("i"));
  const colours = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  const font = parseFloat(getComputedStyle(document.documentElement).fontSize);
  cached = { ...Object.fromEntries(colours), font } as Palette;
  return cached;
}

/** Call it after the theme or the window size has changed. */
export function resetPalette(): void {
  cached = null;
}

/** Clears the canvas and sizes its bitmap for the screen's pixel ratio; the context draws in CSS pixels. */
export function prepareCanvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const ratio = devicePixelRatio || 1;
  const bitmapWidth = Math.round(width * ratio);
  const bitmapHeight = Math.round(height * ratio);
  if (canvas.width !== bitmapWidth || canvas.height !== bitmapHeight) {
    canvas.width = bitmapWidth;
    canvas.height = bitmapHeight;
  }
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}
