// Light or dark, ordinary or larger letters: as she chose, else as her telephone says.
import type { Host } from "./host";

export const LOOKS = { theme: ["auto", "light", "dark"], size: ["normal", "large"] } as const;

/** Put the chosen looks on the page. */
export function dress(host: Host): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const put = () => {
    const chosen = host.kept("theme") ?? "auto";
    const theme = chosen === "auto" ? host.theme || (dark.matches ? "dark" : "light") : chosen;
    document.documentElement.dataset.theme = theme;
    document.documentElement.dataset.size = host.kept("size") ?? "normal";
  };
  put();
  dark.onchange = put;
}
