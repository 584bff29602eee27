/** The small chart in a row of the overview: queue length over ten minutes, and the threshold. */
import { palette, prepareCanvas } from "./palette";
import type { Cell } from "./store";

export function drawSparkline(canvas: HTMLCanvasElement, points: Cell[], threshold: Cell): void {
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = width ? prepareCanvas(canvas, width, height) : null;
  if (!context) return;
  const colours = palette();
  const max = Math.max(4, threshold ?? 0, ...points.map((n) => n ?? 0)) * 1.1;
  const pointWidth = width / points.length;
  const y = (n: number) => height - 1.5 - (n / max) * (height - 3);
  const drawArea = (from: number, to: number) => {
    context.beginPath();
    for (let i = from; i < to; i++) {
      context.lineTo(i * pointWidth, y(points[i] ?? 0));
      context.lineTo((i + 1) * pointWidth, y(points[i] ?? 0));
    }
    context.strokeStyle = context.fillStyle = colours.queue;
    context.lineWidth = 1.5;
    context.stroke();
    context.lineTo(to * pointWidth, height);
    context.lineTo(from * pointWidth, height);
    context.globalAlpha = 0.22;
    context.fill();
    context.globalAlpha = 1;
  };
  // Each stretch of known values is an area of its own; unknown points stay empty.
  for (let i = 0, from = -1; i <= points.length; i++) {
    const known = i < points.length && points[i] !== null && points[i] !== undefined;
    if (known && from < 0) from = i;
    if (!known && from >= 0) {
      drawArea(from, i);
      from = -1;
    }
  }
  if (threshold !== null) {
    context.setLineDash([3, 3]);
    context.strokeStyle = colours.up;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, y(threshold));
    context.lineTo(width, y(threshold));
    context.stroke();
    context.setLineDash([]);
  }
}
