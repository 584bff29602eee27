/** Builds the page into dist, with a compressed copy of each file, since the operator does not compress. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { FluentResource } from "@fluent/bundle";
import { defineConfig, type Plugin } from "vite";

function compressed(): Plugin {
  return {
    name: "compressed",
    apply: (_, { command, mode }) => command === "build" && mode === "production",
    closeBundle() {
      let total = 0;
      const languages: number[] = [];
      for (const entry of readdirSync("dist", { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const gzip = gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION });
        writeFileSync(`${path}.gz`, gzip);
        // A reader loads one language.
        if (/^[a-z]{2,3}-[\w-]+\.js$/.test(entry.name)) languages.push(gzip.length);
        else total += gzip.length;
      }
      if (!languages.length) throw new Error("no language: crates/messages/locales is not beside web");
      total += Math.max(...languages);
      console.log(`page size: ${total} bytes compressed`);
      if (total > 30 * 1024) throw new Error("the page is larger than 30 KiB");
    },
  };
}

/** What stands in a parsed text hundreds of times is a call, without what is empty: that is less after gzip. */
const NODES = `const m_=(id,value,attributes={})=>({id,value,attributes}),v_=name=>({type:"var",name}),s_=value=>({type:"str",value}),
r_=name=>({type:"mesg",name}),c_=(selector,star,variants)=>({type:"select",selector,star,variants}),k_=(key,value)=>({key,value})`;

/** The source of a parsed text. */
function source(node: unknown): string {
  if (Array.isArray(node)) return `[${node.map(source)}]`;
  if (!node || typeof node !== "object") return JSON.stringify(node);
  const { id, type, name, value, attr, attributes, selector, star, variants, key } = node as Record<string, unknown>;
  const call = (name: string, ...args: unknown[]) => `${name}_(${args.map(source)})`;
  if (id) return call("m", id, value, ...(Object.keys(attributes!).length ? [attributes] : []));
  if (type === "var") return call("v", name);
  if (type === "str") return call("s", value);
  if (type === "mesg" && !attr) return call("r", name);
  if (type === "select") return call("c", selector, star, variants);
  if (key) return call("k", key, value);
  return `{${Object.entries(node).map(([name, value]) => `${JSON.stringify(name)}:${source(value)}`)}}`;
}

/** A language's file, parsed when the page is built, without the texts that only the operator and the kubectl plugin use. */
function locales(): Plugin {
  return {
    name: "locales",
    load(id) {
      if (!id.endsWith(".ftl")) return null;
      const entries = readFileSync(id, "utf8").split(/\n(?=[#\w])/);
      const shown = entries.filter((entry) => !/^(#|cli-|sim-|condition-|gallery-)/.test(entry));
      const { body } = new FluentResource(shown.join("\n"));
      return `${NODES};export default ${source(body)}`;
    },
  };
}

export default defineConfig({
  plugins: [locales(), compressed()],
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: false, minify: "terser", terserOptions: { compress: { passes: 2, inline: 1, conditionals: false } } }, // the least after gzip, 450 bytes less than esbuild
  // For `vite` next to `cargo run --example dashboard`.
  server: { fs: { allow: [".."] }, proxy: { "/api": "http://127.0.0.1:8000" } },
  test: { testTimeout: 60_000, hookTimeout: 120_000, expect: { poll: { timeout: 30_000 } } },
} as Parameters<typeof defineConfig>[0]);
