// Server-sent events read with fetch, since EventSource sends no bearer. HTML, section 9.2.
import { events } from "../../web/call/events";
import { type Api, Offline } from "./api";

const AGAIN = 3_000;
const HALL = 500;

/** Hear what changes until told to stop. `heard("")` means: the line was broken, read everything once. */
export function listen(api: Api, heard: (event: string) => void): () => void {
  const stop = new AbortController();
  void (async () => {
    for (let first = true; !stop.signal.aborted; first = false) {
      if (!first) await pause(AGAIN, stop.signal);
      try {
        const answer = await api.send("GET", "/app/live", {}, stop.signal);
        if (!answer.ok || !answer.body) return;
        if (!first) heard("");
        await events(answer.body, async (event) => {
          await pause(Math.random() * HALL, stop.signal); // a whole hall hears it at once
          heard(event);
        });
      } catch (trouble) {
        if (!(trouble instanceof Offline) && !(trouble instanceof TypeError) && !stop.signal.aborted) throw trouble;
      }
    }
  })();
  return () => stop.abort();
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
