/** The small picture of a row: how long the queue was, against the threshold. */
import { palette, sharp } from "./palette";
import type { Cell } from "./store";

export function spark(canvas: HTMLCanvasElement, points: Cell[], limit: Cell): void {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const pen = width ? sharp(canvas, width, height) : null;
  if (!pen) return;
  const colours = palette();
  const top = Math.max(4, limit ?? 0, ...points.map((n) => n ?? 0)) * 1.1;
  const step = width / points.length;
  const y = (n: number) => height - 1.5 - (n / top) * (height - 3);
  const run = (from: number, to: number) => {
    pen.beginPath();
    for (let i = from; i < to; i++) {
      pen.lineTo(i * step, y(points[i] ?? 0));
      pen.lineTo((i + 1) * step, y(points[i] ?? 0));
    }
    pen.strokeStyle = pen.fillStyle = colours.queue;
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.lineTo(to * step, height);
    pen.lineTo(from * step, height);
    pen.globalAlpha = 0.22;
    pen.fill();
    pen.globalAlpha = 1;
  };
  for (let i = 0, from = -1; i <= points.length; i++) {
    const known = i < points.length && points[i] !== null && points[i] !== undefined;
    if (known && from < 0) from = i;
    if (!known && from >= 0) {
      run(from, i);
      from = -1;
    }
  }
  if (limit !== null) {
    pen.setLineDash([3, 3]);
    pen.strokeStyle = colours.up;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(0, y(limit));
    pen.lineTo(width, y(limit));
    pen.stroke();
    pen.setLineDash([]);
  }
}
