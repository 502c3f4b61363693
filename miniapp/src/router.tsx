// Addresses of the app, below wherever it lives. Going somewhere puts the focus on the heading of what is there.
import { type AnchorHTMLAttributes, createContext, useContext, useEffect, useState } from "react";

interface Way {
  path: string;
  query: URLSearchParams;
  go: (to: string, replace?: boolean) => void;
  /** Whether she went here inside the app; the first page takes no focus. */
  moved: boolean;
  root: string;
}

const Here = createContext<Way | null>(null);
export const useWay = (): Way => useContext(Here)!;

/** The address, and how to change it. */
export function Ways({ root, children }: { root: string; children: React.ReactNode }): React.JSX.Element {
  const read = () => ({ path: `/${location.pathname.slice(root.length)}`.replace(/(.)\/$/, "$1"), query: new URLSearchParams(location.search) });
  const [at, set] = useState(() => ({ ...read(), moved: false }));
  useEffect(() => {
    const back = () => set({ ...read(), moved: true });
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  });
  const go = (to: string, replace = false) => {
    history[replace ? "replaceState" : "pushState"](null, "", root + to.slice(1));
    set({ ...read(), moved: true });
    scrollTo(0, 0);
  };
  return <Here.Provider value={{ ...at, go, root }}>{children}</Here.Provider>;
}

/** A link inside the app: a real one, which the app follows itself. */
export function Link({ to, ...more }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>): React.JSX.Element {
  const { go, root } = useWay();
  const follow = (event: React.MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return <a href={root + to.slice(1)} onClick={follow} {...more} />;
}
