// `worker.js`, by which the web app opens without a connection: knows the files of this build by name.
// It keeps the program only. What is in a record lies encrypted elsewhere (src/vault.ts), and never here.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export function worker() {
  return {
    name: "benhan-worker",
    apply: "build",
    generateBundle(_options, bundle) {
      const files = ["index.html", ...Object.keys(bundle).filter((name) => !name.startsWith("zalo.")).sort()];
      const version = createHash("sha256").update(files.join()).digest("hex").slice(0, 12);
      const source = readFileSync("src/worker.js", "utf8").replace("VERSION", version).replace("FILES", JSON.stringify(files));
      this.emitFile({ type: "asset", fileName: "worker.js", source });
    },
  };
}
