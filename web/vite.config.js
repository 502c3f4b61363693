// One bundle for every staff screen: hashed names, a manifest for kit/assets.py, files compressed once here.
import { defineConfig } from "vite";
import { compressed } from "./build/compressed.js";
import { icons } from "./build/icons.js";
import { tabler } from "./build/tabler.js";

export default defineConfig({
  base: "./",
  publicDir: false,
  plugins: [tabler(), icons(), compressed()],
  css: { transformer: "lightningcss", lightningcss: { targets: { chrome: 100 << 16, firefox: 100 << 16, safari: 15 << 16 } } },
  build: {
    outDir: process.env.BENHAN_STATIC ?? "../src/benhan/core/kit/static",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    cssMinify: "lightningcss",
    manifest: "manifest.json",
    modulePreload: false,
    target: "es2022",
    rollupOptions: { input: { main: "src/main.ts" } },
  },
});
