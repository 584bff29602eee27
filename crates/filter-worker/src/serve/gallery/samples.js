// Pictures to begin with, drawn by the page itself.

const WIDTH = 1200;
const HEIGHT = 800;

/**
 * Random numbers that are the same each time.
 * @param {number} seed
 */
function random(seed) {
  return () => {
    seed = (seed * 1664525 + 1013904223) % 4294967296;
    return seed / 4294967296;
  };
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} top
 * @param {number} bottom
 * @param {string[]} colors
 */
function sky(ctx, top, bottom, colors) {
  const gradient = ctx.createLinearGradient(0, top, 0, bottom);
  colors.forEach((color, n) => gradient.addColorStop(n / (colors.length - 1), color));
  ctx.fillStyle = gradient;
  ctx.fillRect(0, top, WIDTH, bottom - top);
}

/**
 * A ridge by midpoints that move less and less.
 * @param {CanvasRenderingContext2D} ctx
 * @param {{base: number, rough: number, color: string, snow?: string, seed: number}} ridge
 */
function ridge(ctx, { base, rough, color, snow, seed }) {
  const next = random(seed);
  let heights = [next(), next()].map((it) => base - rough * it);
  for (let step = rough; heights.length < 400; step *= 0.52) {
    heights = heights.flatMap((height, n) =>
      n + 1 < heights.length ? [height, (height + /** @type {number} */ (heights[n + 1])) / 2 + (next() - 0.55) * step] : [height]);
  }
  const x = (/** @type {number} */ n) => (n / (heights.length - 1)) * WIDTH;
  const outline = (/** @type {number} */ down) => {
    ctx.beginPath();
    ctx.moveTo(0, HEIGHT);
    heights.forEach((height, n) => ctx.lineTo(x(n), height + down));
    ctx.lineTo(WIDTH, HEIGHT);
    ctx.fill();
  };
  ctx.fillStyle = snow ?? color;
  outline(0);
  ctx.fillStyle = color;
  if (snow) {
    ctx.beginPath();
    ctx.moveTo(0, HEIGHT);
    heights.forEach((height, n) => ctx.lineTo(x(n), Math.max(height + 14, base - rough * 0.55 + next() * 34)));
    ctx.lineTo(WIDTH, HEIGHT);
    ctx.fill();
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @param {string[]} colors
 */
function balloon(ctx, x, y, size, colors) {
  ctx.save();
  ctx.translate(x, y);
  ctx.beginPath();
  ctx.arc(0, 0, size, Math.PI * 0.86, Math.PI * 0.14);
  ctx.bezierCurveTo(size * 0.75, size * 0.9, size * 0.3, size * 1.2, size * 0.16, size * 1.4);
  ctx.lineTo(-size * 0.16, size * 1.4);
  ctx.bezierCurveTo(-size * 0.3, size * 1.2, -size * 0.75, size * 0.9, -size * 0.9, size * 0.42);
  ctx.clip();
  for (let n = 0; n < 6; n++) {
    ctx.fillStyle = /** @type {string} */ (colors[n % colors.length]);
    ctx.fillRect(-size + (n * size) / 3, -size, size / 3 + 1, size * 2.6);
  }
  const shade = ctx.createRadialGradient(-size * 0.35, -size * 0.4, size * 0.1, 0, 0, size * 1.5);
  shade.addColorStop(0, "rgba(255,255,255,.45)");
  shade.addColorStop(0.5, "rgba(255,255,255,0)");
  shade.addColorStop(1, "rgba(0,0,40,.5)");
  ctx.fillStyle = shade;
  ctx.fillRect(-size, -size, size * 2, size * 2.6);
  ctx.restore();
  ctx.fillStyle = "#5b3a21";
  ctx.fillRect(x - size * 0.14, y + size * 1.55, size * 0.28, size * 0.2);
}

/** @param {CanvasRenderingContext2D} ctx */
function mountains(ctx) {
  sky(ctx, 0, 520, ["#2b6cb8", "#7fb6e6", "#ffd9a8"]);
  const glow = ctx.createRadialGradient(900, 330, 20, 900, 330, 330);
  glow.addColorStop(0, "#fff6d8");
  glow.addColorStop(0.13, "rgba(255,236,170,.85)");
  glow.addColorStop(1, "rgba(255,200,120,0)");
  ctx.fillStyle = glow;
  ctx.fillRect(0, 0, WIDTH, 700);
  ridge(ctx, { base: 420, rough: 210, color: "#6f86b5", snow: "#f3f7ff", seed: 21 });
  ridge(ctx, { base: 490, rough: 120, color: "#4d7a78", seed: 5 });
  ridge(ctx, { base: 560, rough: 70, color: "#2f6b4a", seed: 12 });
  sky(ctx, 590, 800, ["#8cc0d8", "#2c6f95", "#174a6b"]);
  const next = random(3);
  for (let n = 0; n < 420; n++) {
    const y = 594 + next() * 206;
    ctx.fillStyle = `rgba(255, ${210 + next() * 45}, ${170 + next() * 60}, ${0.08 + next() * 0.22})`;
    const width = ((y - 580) / 3) * (0.4 + next());
    const x = next() < 0.45 ? 900 + (next() - 0.5) * (y - 520) : next() * WIDTH;
    ctx.fillRect(x - width / 2, y, width, 1.5 + (y - 590) / 90);
  }
  for (let n = 0; n < 60; n++) {
    const x = (n * 97) % WIDTH;
    const height = 24 + next() * 42;
    ctx.fillStyle = next() < 0.5 ? "#1d4a33" : "#245c3c";
    for (let part = 0; part < 3; part++) {
      const y = 596 - height * (0.28 * part);
      const half = height * (0.26 - part * 0.06);
      ctx.beginPath();
      ctx.moveTo(x - half, y);
      ctx.lineTo(x, y - height * 0.5);
      ctx.lineTo(x + half, y);
      ctx.fill();
    }
  }
  balloon(ctx, 300, 190, 92, ["#e4572e", "#ffc914", "#f7f7ff"]);
  balloon(ctx, 620, 120, 52, ["#8e44ad", "#f5b7d5"]);
  balloon(ctx, 1060, 170, 38, ["#17a398", "#fdfcdc"]);
}

/** @param {CanvasRenderingContext2D} ctx */
function city(ctx) {
  sky(ctx, 0, 800, ["#070b24", "#1c2260", "#5c3a86", "#e07a5f"]);
  const next = random(9);
  for (let n = 0; n < 260; n++) {
    ctx.fillStyle = `rgba(255,255,255,${0.2 + next() * 0.8})`;
    const size = 0.8 + next() * 2;
    ctx.fillRect(next() * WIDTH, next() * 430, size, size);
  }
  ctx.fillStyle = "#fdf3d0";
  ctx.beginPath();
  ctx.arc(930, 150, 70, 0, 7);
  ctx.fill();
  ctx.fillStyle = "rgba(190,170,130,.35)";
  for (const [x, y, r] of /** @type {const} */ ([[910, 130, 15], [950, 165, 20], [935, 118, 9]])) {
    ctx.beginPath();
    ctx.arc(x, y, r, 0, 7);
    ctx.fill();
  }
  for (const [color, low, high, lit] of /** @type {const} */ ([["#241f52", 230, 420, 0.3], ["#17153b", 150, 330, 0.45], ["#0c0b22", 60, 210, 0.55]])) {
    for (let x = -20; x < WIDTH; ) {
      const width = 60 + next() * 80;
      const height = low + next() * (high - low);
      const top = 720 - height;
      ctx.fillStyle = color;
      ctx.fillRect(x, top, width, height);
      if (next() < 0.3) ctx.fillRect(x + width / 2 - 2, top - 40, 4, 40);
      for (let y = top + 14; y < 700; y += 20) {
        for (let window = x + 9; window < x + width - 12; window += 16) {
          if (next() > lit) continue;
          ctx.fillStyle = /** @type {string} */ (["#ffd166", "#ffe9ad", "#9bd3ff", "#ff9f6b"][Math.floor(next() * 4)]);
          ctx.fillRect(window, y, 8, 11);
        }
      }
      x += width + 4;
    }
  }
  sky(ctx, 700, 800, ["#10123a", "#05061a"]);
  for (let n = 0; n < 500; n++) {
    const colors = ["255,209,102", "155,211,255", "255,120,150"];
    ctx.fillStyle = `rgba(${colors[Math.floor(next() * 3)]},${0.1 + next() * 0.4})`;
    ctx.fillRect(next() * WIDTH, 704 + next() * 96, 6 + next() * 46, 2);
  }
}

/**
 * Draws a sample.
 * @param {string} name mountains or city
 * @returns {HTMLCanvasElement}
 */
export function sample(name) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  (name === "city" ? city : mountains)(ctx);
  return canvas;
}
