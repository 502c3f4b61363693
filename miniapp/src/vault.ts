// What stays readable without a connection: sealed with AES-GCM under a key that lives as long as the session.
//
// The key is a non-extractable CryptoKey made from a secret of this session, which lies where no other app can read it
// (in Zalo all Mini Apps share one origin, so its IndexedDB is no secret place). Signing out forgets the secret first:
// from then on what was sealed is noise; then it is deleted. Each sealed text names its place, so that none can be put
// in another's.
import type { Host } from "./host";

const STORE = "sealed";
const SECRET = "key";

/** Something kept, and since when it is true. */
export interface Kept<T> {
  value: T;
  at: number;
}

/** The encrypted store of one session. */
export class Vault {
  private constructor(
    private readonly host: Host,
    private readonly base: IDBDatabase,
    private key: CryptoKey | null,
  ) {}

  /** Open it; made anew where there is no secret of a session. */
  static async open(host: Host): Promise<Vault> {
    const base = await opened();
    const secret = host.kept(SECRET);
    const vault = new Vault(host, base, secret ? await keyOf(secret) : null);
    if (!secret) await vault.wipe();
    return vault;
  }

  /** A new session: a new secret, nothing from before. */
  async begin(): Promise<void> {
    await this.wipe();
    const secret = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
    this.host.keep(SECRET, secret);
    this.key = await keyOf(secret);
  }

  /** Forget the secret, then what it sealed. */
  async wipe(): Promise<void> {
    this.host.forget(SECRET);
    this.key = null;
    await done(this.base.transaction(STORE, "readwrite").objectStore(STORE).clear());
  }

  /** Seal a value under its place. Nothing is kept without a session. */
  async put(place: string, value: unknown): Promise<void> {
    if (!this.key) return;
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const text = new TextEncoder().encode(JSON.stringify({ value, at: Date.now() }));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bytes(place) }, this.key, text);
    await done(this.base.transaction(STORE, "readwrite").objectStore(STORE).put({ iv, sealed }, await nameOf(place)));
  }

  /** What was sealed under a place; null where nothing is, or it is not ours to read. */
  async get<T>(place: string): Promise<Kept<T> | null> {
    if (!this.key) return null;
    const found = await done<{ iv: BufferSource; sealed: BufferSource } | undefined>(
      this.base.transaction(STORE).objectStore(STORE).get(await nameOf(place)),
    );
    if (!found) return null;
    try {
      const opened = { name: "AES-GCM", iv: found.iv, additionalData: bytes(place) };
      return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(opened, this.key, found.sealed))) as Kept<T>;
    } catch {
      return null;
    }
  }
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const raw = Uint8Array.from(atob(secret), (one) => one.charCodeAt(0));
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** Places have names of patients' keys in them: outside they are called by their hash. */
async function nameOf(place: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(place)));
  return Array.from(digest.slice(0, 16), (one) => one.toString(16).padStart(2, "0")).join("");
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open("benhan", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return done(request);
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB"));
  });
}
