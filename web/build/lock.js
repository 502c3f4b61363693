// `npm run lock`: write package-lock.json anew and leave out where each package was fetched from, so that the file
// names no host and every registry serves. (npm's own omit-lockfile-registry-resolved loses optional packages.)
import { execSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

rmSync("package-lock.json", { force: true });
execSync("npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved=false", { stdio: "inherit" });
const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.resolved;
  delete entry.funding;
}
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
