// What she did without a connection: kept sealed, sent when the program is reached again, each under its own key, so
// that sending twice does once. What the program refuses stays, with its reason, until she has read it.
import { type Api, Offline, Problem, told } from "./api";
import type { Vault } from "./vault";

const PLACE = "outbox";

export interface Action {
  /** The Idempotency-Key. */
  key: string;
  /** The record that it is for: sent by a session of this record only. */
  record: string;
  path: string;
  body: unknown;
  /** What it is, in words, for her. */
  label: string;
  /** Of a booking that is nobody's record yet. */
  pass?: string;
  at: number;
  /** Why the program refused it; "" while it waits. */
  refused: string;
}

/** The queue of actions. */
export class Outbox {
  actions: readonly Action[] = [];
  private sending = false;
  private readonly watchers = new Set<() => void>();

  constructor(
    private readonly api: Api,
    private readonly vault: Vault,
    private readonly record: () => string,
  ) {}

  async load(): Promise<void> {
    this.actions = (await this.vault.get<Action[]>(PLACE))?.value ?? [];
    this.tell();
  }

  /** Do it now, or keep it: gives the answer, or null where it waits.
   * @throws Problem the program refused it. */
  async act<T>(path: string, body: unknown, label: string, pass?: string): Promise<T | null> {
    const key = crypto.randomUUID();
    try {
      return await this.api.post<T>(path, body, { key, pass });
    } catch (trouble) {
      if (!(trouble instanceof Offline) && !(trouble instanceof Problem && trouble.passing)) throw trouble;
      await this.keep([...this.actions, { key, path, body, label, pass, record: this.record(), at: Date.now(), refused: "" }]);
      return null;
    }
  }

  /** She thought better of it, or has read why it was refused. */
  async drop(key: string): Promise<void> {
    await this.keep(this.actions.filter((one) => one.key !== key));
  }

  /** Send what waits; gives whether anything was done. */
  async send(): Promise<boolean> {
    if (this.sending) return false;
    this.sending = true;
    let did = false;
    try {
      for (const one of this.actions.filter((action) => !action.refused && action.record === this.record())) {
        try {
          await this.api.post(one.path, one.body, { key: one.key, pass: one.pass });
          await this.drop(one.key);
          did = true;
        } catch (trouble) {
          if (!(trouble instanceof Problem) || trouble.passing || trouble.status === 401) break;
          await this.keep(this.actions.map((action) => (action.key === one.key ? { ...action, refused: told(trouble) } : action)));
          did = true;
        }
      }
    } finally {
      this.sending = false;
    }
    return did;
  }

  watch = (tell: () => void): (() => void) => {
    this.watchers.add(tell);
    return () => this.watchers.delete(tell);
  };

  private async keep(actions: readonly Action[]): Promise<void> {
    this.actions = actions;
    await this.vault.put(PLACE, actions);
    this.tell();
  }

  private tell(): void {
    for (const one of this.watchers) one();
  }
}
