// What Zalo asks of an upload: `app-config.json` with the look of the frame and the files to load, in their order.
// (Done by zmp-vite-plugin elsewhere; twenty lines are easier to trust than a package.)
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function zalo() {
  return {
    name: "benhan-zalo",
    apply: "build",
    writeBundle({ dir }, bundle) {
      const files = Object.values(bundle);
      const entry = files.find((file) => file.type === "chunk" && file.isEntry);
      const config = {
        ...JSON.parse(readFileSync("app-config.json", "utf8")),
        listCSS: files.filter((file) => entry.viteMetadata.importedCss.has(file.fileName)).map((file) => file.fileName),
        listSyncJS: [entry.fileName],
        listAsyncJS: entry.imports,
        pages: [],
      };
      writeFileSync(join(dir, "app-config.json"), JSON.stringify(config));
    },
  };
}
