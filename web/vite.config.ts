/** Builds the page into dist, with a compressed copy of each file, since the operator does not compress. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

function compressed(): Plugin {
  return {
    name: "compressed",
    apply: (_, { command, mode }) => command === "build" && mode === "production",
    closeBundle() {
      let total = 0;
      for (const entry of readdirSync("dist", { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const gzip = gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION });
        writeFileSync(`${path}.gz`, gzip);
        total += gzip.length;
      }
      console.log(`page size: ${total} bytes compressed`);
      if (total > 30 * 1024) throw new Error("the page is larger than 30 KiB");
    },
  };
}

export default defineConfig({
  plugins: [compressed()],
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: false },
  // For `vite` next to `cargo run --example dashboard`.
  server: { proxy: { "/api": "http://127.0.0.1:8000" } },
  test: { testTimeout: 60_000, hookTimeout: 120_000, expect: { poll: { timeout: 10_000 } } },
} as Parameters<typeof defineConfig>[0]);
