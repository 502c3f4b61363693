// Asking the program: one way for every door, and every trouble is one of two things: it refused, or it was not reached.
import type { Host } from "./host";
import type { Place, SignIn } from "./contract";
import { spoken } from "./words";

const PATIENCE = 20_000;
const TOKEN = "token";
const SESSION_OVER = 401;

/** The program said no: what was wrong, and what she can do. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly advice: string,
    readonly where: string,
  ) {
    super(message);
  }
  /** Nothing was kept, and the same may be sent again. */
  get passing(): boolean {
    return this.status >= 500;
  }
}

/** The program was not reached. */
export class Offline extends Error {}

export interface Asked {
  body?: unknown;
  key?: string;
  pass?: string;
}

/** The line to the program. */
export class Api {
  token: string | null;
  /** Called when the session is over and could not be begun again. */
  over: () => void = () => {};
  /** Called after each answer or silence, with whether the program was reached. */
  reached: (yes: boolean) => void = () => {};

  constructor(readonly host: Host) {
    this.token = host.kept(TOKEN);
  }

  /** Whose session it is from now on; null: nobody's. */
  use(token: string | null): void {
    this.token = token;
    if (token) this.host.keep(TOKEN, token);
    else this.host.forget(TOKEN);
  }

  get<T>(path: string): Promise<T> {
    return this.ask<T>("GET", path);
  }
  post<T>(path: string, body: unknown, more: Omit<Asked, "body"> = {}): Promise<T> {
    return this.ask<T>("POST", path, { body, ...more });
  }

  /** One question; a session that ended is begun again through Zalo, once, without a word to her.
   * @throws Problem the program refused; Offline it was not reached. */
  async ask<T>(method: string, path: string, asked: Asked = {}): Promise<T> {
    const token = this.token;
    let answer = await this.send(method, path, asked);
    if (answer.status === SESSION_OVER && token && path !== "/app/session/record") {
      if (await this.again(token)) answer = await this.send(method, path, asked);
      else if (this.token === token) this.over();
    }
    if (!answer.ok) throw await problemOf(answer);
    return (answer.status === 204 ? null : await answer.json()) as T;
  }

  /** Open a door and leave it open (events). */
  send(method: string, path: string, { body, key, pass }: Asked = {}, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { "Accept-Language": spoken() };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.token) headers["Authorization"] = `Bearer ${this.token}`;
    if (key) headers["Idempotency-Key"] = key;
    if (pass) headers["Booking-Pass"] = pass;
    const sent = body === undefined ? undefined : JSON.stringify(body);
    return this.reachedBy(
      fetch(this.host.backend + path, {
        method, headers, body: sent, credentials: "omit", cache: "no-store", signal: signal ?? AbortSignal.timeout(PATIENCE),
      }),
      signal,
    );
  }

  private async reachedBy(asking: Promise<Response>, signal?: AbortSignal): Promise<Response> {
    try {
      const answer = await asking;
      this.reached(true);
      return answer;
    } catch {
      if (!signal?.aborted) this.reached(false);
      throw new Offline();
    }
  }

  private async again(token: string): Promise<boolean> {
    const place = this.host.kept("place");
    const record = this.host.kept("record");
    if (!this.host.proof || !place) return false;
    try {
      const body = { facility: (JSON.parse(place) as Place).code, accessToken: await this.host.proof.access(), phoneToken: "" };
      const came = (await (await this.send("POST", "/app/session/zalo", { body })).json()) as SignIn;
      if (!came.token || this.token !== token) return false;
      this.use(came.token);
      if (record) {
        const chosen = await this.send("POST", "/app/session/record", { body: { key: record } });
        if (chosen.ok) this.use(((await chosen.json()) as SignIn).token);
      }
      return true;
    } catch {
      return false;
    }
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  const said = (await answer.json().catch(() => ({}))) as Partial<Record<"code" | "message" | "advice" | "where", string>>;
  return new Problem(answer.status, said.code ?? "", said.message ?? `HTTP ${answer.status}`, said.advice ?? "", said.where ?? "");
}

/** What somebody is told of a trouble. */
export function told(trouble: unknown): string {
  return trouble instanceof Problem ? [trouble.message, trouble.advice].filter(Boolean).join(" ") : "";
}
