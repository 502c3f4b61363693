// Only the icons that screens use (web/icons.json), gathered from @tabler/icons into one cached sprite.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

export function icons() {
  const require = createRequire(import.meta.url);
  return {
    name: "benhan-icons",
    async generateBundle() {
      const names = JSON.parse(await readFile(new URL("../icons.json", import.meta.url), "utf8"));
      const symbols = await Promise.all(names.map((name) => symbol(require, name)));
      this.emitFile({ type: "asset", name: "icons.svg", source: `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>` });
    },
  };
}

async function symbol(require, name) {
  const svg = await readFile(require.resolve(`@tabler/icons/outline/${name}.svg`), "utf8");
  const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>")).replace(/\s*\n\s*/g, "");
  return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`;
}
