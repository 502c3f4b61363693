// Tabler, cut down to the parts the kit speaks (reboot, grid, spacing, text, buttons, fields, tables, cards).
// Screens may use every class that matches ALLOWED; docs/howto/screens.md lists them.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { PurgeCSS } from "purgecss";

const ID = "virtual:tabler.css";
const ALLOWED = [
  /^(row|col|container)(-|$)/, /^g[xy]?-\d$/, /^(d|flex|justify|align|order|gap|row-gap|column-gap)-/,
  /^[mp][tbsexy]?(-(sm|md|lg|xl))?-(\d|auto)$/, /^(w|h|mw|mh)-(25|50|75|100|auto)$/, /^(vw|vh|min-vh)-100$/,
  /^text-(start|end|center|nowrap|wrap|break|truncate|uppercase|decoration-none|sm-.+|md-.+)$/,
  /^(fw|fs|lh)-/, /^(position|top|bottom|start|end|overflow)-/, /^(sticky-top|visually-hidden|visually-hidden-focusable|list-unstyled|list-inline)$/,
  /^btn(-(primary|sm|lg|link|icon|group|list))?$/, /^form-(control|select|check|label|hint)/, /^input-group(-text)?$/,
  /^(is-invalid|disabled|active|show)$/, /^card(-(body|header|title|footer))?$/, /^(small|lead|h[1-6])$/,
];

export function tabler() {
  return {
    name: "benhan-tabler",
    resolveId: (id) => (id === ID ? `\0${ID}` : null),
    async load(id) {
      if (id !== `\0${ID}`) return null;
      const raw = await readFile(createRequire(import.meta.url).resolve("@tabler/core/dist/css/tabler.css"), "utf8");
      const [{ css }] = await new PurgeCSS().purge({
        content: [{ raw: "html body a p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd b strong small code pre kbd hr img svg table thead tbody tr th td caption label input button select textarea fieldset legend summary details output dialog main nav header footer section", extension: "txt" }],
        css: [{ raw }],
        safelist: { standard: ALLOWED, deep: [], greedy: [] },
        keyframes: true,
        fontFace: true,
        variables: false,
      });
      return `@layer tabler {${css.replace(/@charset[^;]+;/, "").replace(/\/\*# source[^*]+\*\//, "")}}`;
    },
  };
}
