// What every screen shares: the line to the program, whose record is open, what is kept, what waits.
import { createContext, useCallback, useContext, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { type Api, Offline, Problem } from "./api";
import type { Me, SignIn } from "./contract";
import type { Host } from "./host";
import { type Action, Outbox } from "./outbox";
import type { Kept, Vault } from "./vault";

const ME = "me";
/** A session lives no longer than this at the program; what was sealed under it neither. */
const LONGEST = 12 * 3_600_000;
const AHEAD = ["/app/visits", "/app/results", "/app/medicines", "/app/bookings"];

/** The state of the app; changes are told to whoever watches. */
export class App {
  me: Me | null = null;
  /** Whether the program was reached last time. */
  online = true;
  /** Grows when something that waited was done: screens read again. */
  done = 0;
  /** Since when what is on the screen is true, where that is not now. */
  shown: number | null = null;
  readonly outbox: Outbox;
  private version = 0;
  private readonly watchers = new Set<() => void>();

  constructor(
    readonly host: Host,
    readonly api: Api,
    readonly vault: Vault,
  ) {
    this.outbox = new Outbox(api, vault, () => this.me?.record?.key ?? "");
    api.over = () => void this.leave();
    api.reached = (yes) => this.reached(yes);
    addEventListener("online", () => void this.wake());
    addEventListener("offline", () => this.reached(false));
  }

  /** Begin where she stopped: what is kept first, the program afterwards. */
  async start(): Promise<void> {
    if (!this.api.token) return this.vault.wipe();
    const began = Number(this.host.kept("began"));
    if (!this.host.proof && Date.now() - began > LONGEST) return this.leave();
    this.me = (await this.vault.get<Me>(ME))?.value ?? null;
    await this.outbox.load();
    const asking = this.readMe();
    if (!this.me) await asking;
  }

  /** In: with a token, and a record where there is only one. */
  async enter(came: SignIn): Promise<void> {
    await this.vault.begin();
    this.host.keep("began", String(Date.now()));
    this.api.use(came.token);
    await this.readMe();
  }

  /** Another record: another token; what waits for this one is sent before. */
  async open(key: string): Promise<void> {
    await this.send();
    this.api.use((await this.api.post<SignIn>("/app/session/record", { key })).token);
    await this.readMe();
  }

  /** Out: the secret goes first, so that nothing kept can be read, whether or not the program is reached. */
  async leave(tell = false): Promise<void> {
    if (tell) await this.api.ask("DELETE", "/app/session").catch(() => undefined);
    await this.vault.wipe();
    this.api.use(null);
    for (const name of ["record", "began"]) this.host.forget(name);
    await this.outbox.load();
    this.me = null;
    this.tell();
  }

  /** The program may be there again: send what waits, read anew. */
  async wake(): Promise<void> {
    await this.send();
    if (!this.online) await this.readMe();
  }

  /** Bring what she may want to read where there is no connection. */
  async bringAhead(): Promise<void> {
    const record = this.me?.record?.key;
    try {
      for (const path of AHEAD) {
        const value = await this.api.get(path);
        if (this.me?.record?.key !== record) return;
        await this.vault.put(`${record} ${path}`, value);
      }
    } catch (trouble) {
      if (!(trouble instanceof Offline) && !(trouble instanceof Problem)) throw trouble;
    }
  }

  /** Something that was kept is on the screen. */
  showing(at: number | null): void {
    if (this.shown === at) return;
    this.shown = at;
    this.tell();
  }

  watch = (tell: () => void): (() => void) => {
    this.watchers.add(tell);
    return () => this.watchers.delete(tell);
  };
  now = (): number => this.version;
  tell(): void {
    this.version++;
    for (const one of this.watchers) one();
  }

  private async send(): Promise<void> {
    if (!(await this.outbox.send())) return;
    this.done++;
    this.tell();
  }

  private async readMe(): Promise<void> {
    try {
      this.me = await this.api.get<Me>("/app/session");
      if (this.me.record) this.host.keep("record", this.me.record.key);
      await this.vault.put(ME, this.me);
      this.tell();
      await this.send();
    } catch (trouble) {
      if (!(trouble instanceof Offline) && !(trouble instanceof Problem)) throw trouble;
    }
  }

  private reached(yes: boolean): void {
    if (this.online === yes) return;
    this.online = yes;
    this.tell();
    if (yes) void this.send();
  }
}

const Shared = createContext<App | null>(null);
export const AppProvider = Shared.Provider;

/** The app, and a new look at it whenever it changes. */
export function useApp(): App {
  const app = useContext(Shared)!;
  useSyncExternalStore(app.watch, app.now);
  return app;
}

/** What waits to be sent, for the record that is open. */
export function useWaiting(): readonly Action[] {
  const app = useApp();
  const actions = useSyncExternalStore(app.outbox.watch, () => app.outbox.actions);
  return actions.filter((one) => one.record === (app.me?.record?.key ?? ""));
}

export interface Fresh<T> {
  value: T | null;
  /** What the program said instead; the value, if any, is what was true before. */
  trouble: Problem | null;
  /** Not reached, and nothing is kept. */
  lost: boolean;
  again: () => Promise<void>;
}

/** What the program says at a path: first what is kept of it, then what is true. `kept` false: nothing is kept of it. */
export function useFresh<T>(path: string | null, kept = true, pass?: string): Fresh<T> {
  const app = useApp();
  const place = `${app.me?.record?.key ?? ""} ${path}`;
  const [state, set] = useState<{ place: string; value: T | null; trouble: Problem | null; lost: boolean }>();
  const wanted = useRef(place);
  wanted.current = place;
  const here = state?.place === place ? state : null;

  const again = useCallback(async () => {
    if (!path) return;
    try {
      const value = await app.api.ask<T>("GET", path, { pass });
      if (kept) await app.vault.put(place, value);
      if (wanted.current !== place) return;
      set({ place, value, trouble: null, lost: false });
      app.showing(null);
    } catch (trouble) {
      if (wanted.current !== place) return;
      const before = kept ? await app.vault.get<T>(place) : null;
      if (trouble instanceof Problem) set({ place, value: before?.value ?? null, trouble, lost: false });
      else if (trouble instanceof Offline) {
        set({ place, value: before?.value ?? null, trouble: null, lost: !before });
        if (before) app.showing(before.at);
      } else throw trouble;
    }
  }, [app, path, place, kept, pass]);

  useEffect(() => {
    if (!path) return;
    let answered = false;
    const first: Promise<Kept<T> | null> = kept ? app.vault.get<T>(place) : Promise.resolve(null);
    void first.then((found) => {
      if (found && !answered && wanted.current === place) set({ place, value: found.value, trouble: null, lost: false });
    });
    void again().then(() => (answered = true));
  }, [app, path, place, kept, again, app.online, app.done]);

  return { value: here?.value ?? null, trouble: here?.trouble ?? null, lost: here?.lost ?? false, again };
}
