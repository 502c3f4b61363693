// The patient's app: one build for Zalo (`h5.zdn.vn/zapps/<id>/`) and for our own address. Every address in it is
// relative; what a screen needs comes when it is opened; nothing of Zalo's SDK is loaded outside Zalo.
import { defineConfig } from "vite";
import { compressed } from "../web/build/compressed.js";
import { worker } from "./build/worker.js";
import { zalo } from "./build/zalo.js";

export default defineConfig({
  base: "./",
  publicDir: "public",
  esbuild: { jsx: "automatic" },
  plugins: [zalo(), worker(), compressed()],
  build: {
    outDir: process.env.BENHAN_STATIC ?? "../src/benhan/patient/static",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2020",
    rollupOptions: {
      output: {
        entryFileNames: "[name].[hash].module.js",
        chunkFileNames: "[name].[hash].module.js",
        manualChunks: (id) => (/node_modules\/(react|react-dom|scheduler)\//.test(id) ? "react" : undefined),
      },
    },
  },
});
