// The doctor's side of a call: her page asks for her seat, shows both pictures, and says how the line stands. The consultation lies in a
// frame beside it, so that it can be filled in and signed without the call being cut.
import { Call, devices, type Seated, type State } from "../../call/call";

const AWAKE = 30_000;

export async function call(): Promise<void> {
  const room = document.querySelector<HTMLElement>("[data-call]")!;
  const words = room.dataset;
  const screen = (name: string): HTMLVideoElement => room.querySelector<HTMLVideoElement>(`video[data-${name}]`)!;
  const line = room.querySelector<HTMLElement>("[data-state]")!;
  const say = (text: string | undefined): void => { line.textContent = text ?? ""; };
  let mine: MediaStream;
  try {
    mine = await devices();
  } catch {
    return say(words.noDevice);
  }
  const seen = mine.getVideoTracks().length > 0;
  screen("mine").srcObject = mine;
  const answer = await fetch(words.call!, { method: "POST" });
  if (!answer.ok) return say(words.over);
  const said: Record<State, string | undefined> = {
    waiting: words.waiting, connecting: words.connecting, connected: seen ? words.connected : words.noCamera, lost: words.lost, over: words.over,
  };
  const button = (kind: "audio" | "video"): HTMLButtonElement => room.querySelector<HTMLButtonElement>(kind === "audio" ? "[data-mic]" : "[data-cam]")!;
  const going = new Call("", (await answer.json()) as Seated, mine, {
    state: (now) => {
      room.dataset.now = now;
      say(said[now]);
    },
    theirs: (stream) => { screen("theirs").srcObject = stream; },
    picture: (shown, weak) => {
      screen("theirs").hidden = !shown;
      if (weak) say(words.weak);
    },
    soundOnly: () => {
      button("video").setAttribute("aria-pressed", "false");
      say(words.weak);
    },
  });
  for (const kind of ["audio", "video"] as const) {
    const pressed = button(kind);
    pressed.disabled = kind === "video" && !seen;
    pressed.addEventListener("click", () => {
      const on = pressed.getAttribute("aria-pressed") !== "true";
      pressed.setAttribute("aria-pressed", String(on));
      going.show(kind, on);
    });
  }
  // Who listens to a patient is there, though she touches nothing.
  window.setInterval(() => { if (going.line?.connectionState === "connected") document.body.dispatchEvent(new Event("wheel", { bubbles: true })); }, AWAKE);
  addEventListener("pagehide", () => void going.leave());
}
