// Where the app runs: inside Zalo, or in a browser at our own address. The only room that knows the difference.
import type { Order } from "./contract";

/** What a person may refuse, and what then is said. */
export class Refused extends Error {}

/** The surroundings of the app. */
export interface Host {
  readonly name: "zalo" | "web";
  /** The path before every address of the app: "/zapps/<id>/" or "/di-dong/". */
  readonly root: string;
  /** Base URL of the program, without a slash at the end; "" = where the app itself came from. */
  readonly backend: string;
  /** "light" or "dark", as the surroundings wish it; "" = as the system says. */
  readonly theme: "" | "light" | "dark";
  /** Proves who is holding the telephone; null where only a code to the telephone does. */
  readonly proof: Proof | null;
  /** Reads a QR with the camera; null where the surroundings offer none. */
  readonly scan: (() => Promise<string>) | null;
  /** Opens an address of ours in the phone's browser, which saves what a webview does not. */
  open(address: string): Promise<void>;
  /** Opens Zalo's Checkout for an order and says what Zalo calls it, which proves no payment. Null where there is none. */
  readonly pay: ((order: Order) => Promise<string>) | null;
  /** A small secret that other apps cannot read, kept until `forget`. No word of a record ever lies there. */
  keep(name: string, value: string): void;
  kept(name: string): string | null;
  forget(name: string): void;
}

/** Zalo's tokens: the first reveals an id only and needs no consent; the second a telephone, once, if she agrees. */
export interface Proof {
  access(): Promise<string>;
  phone(): Promise<string>;
}

const IN_ZALO = /^\/zapps\/[^/]+\//;

/** Find out where we are. */
export async function findHost(): Promise<Host> {
  const zapp = location.hostname.endsWith("h5.zdn.vn") ? IN_ZALO.exec(location.pathname) : null;
  if (!zapp) return web();
  const [{ inZalo }, backend] = await Promise.all([import("./zalo"), backendOf(zapp[0])]);
  return inZalo(zapp[0], backend);
}

async function backendOf(root: string): Promise<string> {
  const said = (await (await fetch(`${root}config.json`)).json()) as { backend: string };
  return said.backend.replace(/\/$/, "");
}

function web(): Host {
  const root = new URL("./", import.meta.url).pathname;
  if ("serviceWorker" in navigator) navigator.serviceWorker.register(`${root}worker.js`, { scope: root }).catch(() => undefined); // there already, or no connection
  return {
    name: "web",
    root,
    backend: "",
    theme: "",
    proof: null,
    scan: null,
    open: async (address) => location.assign(new URL(address).pathname), // a file: the app stays where it is
    pay: null,
    keep: (name, value) => localStorage.setItem(`benhan.${name}`, value),
    kept: (name) => localStorage.getItem(`benhan.${name}`),
    forget: (name) => localStorage.removeItem(`benhan.${name}`),
  };
}
