// Every text file beside its .br and .gz form, so that serving costs no processor time.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

export function compressed() {
  return {
    name: "benhan-compressed",
    apply: "build",
    async writeBundle({ dir }) {
      for (const name of (await readdir(dir)).filter((file) => /\.(js|css|svg)$/.test(file))) {
        const body = await readFile(join(dir, name));
        await writeFile(join(dir, `${name}.br`), brotliCompressSync(body));
        await writeFile(join(dir, `${name}.gz`), gzipSync(body, { level: 9 }));
      }
    },
  };
}
