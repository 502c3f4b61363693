// A call between two browsers, for both sides: what they say to meet goes through the program (`/app/room`), picture and sound do not.
// The doctor's side offers, the patient's answers: so they never offer at once. Standards: WebRTC, RFC 8829 (JSEP), RFC 8445 (ICE).
import { events } from "./events";

export interface Ways {
  iceServers: RTCIceServer[];
  iceTransportPolicy: RTCIceTransportPolicy;
}
export interface Seated {
  seat: string;
  id: string;
  side: "doctor" | "patient";
  ways: Ways;
}
export type State = "waiting" | "connecting" | "connected" | "lost" | "over";
/** What the page is told. */
export interface Told {
  state(now: State): void;
  /** Picture and sound of the other side. */
  theirs(stream: MediaStream): void;
  /** The other side's picture came or went; `weak`: because the line does not carry it. */
  picture(shown: boolean, weak: boolean): void;
  /** Our own picture is not sent any more: the line does not carry it. */
  soundOnly(): void;
}
interface Word {
  came?: string;
  left?: string;
  call?: string;
  description?: RTCSessionDescriptionInit;
  candidate?: RTCIceCandidateInit;
  again?: true;
  weak?: true;
  picture?: boolean;
}

const KINDS = ["audio", "video"] as const;
const LINE_AGAIN = 2_000;
/** A line that broke for so long is begun anew. */
const BROKEN = 4_000;
const LOOK = 3_000;
/** After so many looks without a new picture the line is too weak for one. */
const WEAK_LOOKS = 4;

/** Camera and microphone; the microphone alone where there is no camera or it is refused.
 * @throws DOMException or TypeError: not even that. */
export async function devices(): Promise<MediaStream> {
  const video = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { max: 24 }, facingMode: "user" };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true, video });
  } catch {
    return navigator.mediaDevices.getUserMedia({ audio: true });
  }
}

export class Call {
  /** The connection, while there is one. */
  line: RTCPeerConnection | null = null;
  private call = "";
  private other = "";
  private ways: Ways;
  private early: RTCIceCandidateInit[] = [];
  private readonly stop = new AbortController();
  private broken = 0;
  private watching = 0;
  private looks = 0;
  private frames = -1;
  private theirPicture = true;
  /** What was heard is dealt with one after the other. */
  private turn: Promise<void> = Promise.resolve();
  private saying: Promise<void> = Promise.resolve();

  constructor(
    private readonly base: string,
    private readonly seated: Seated,
    private readonly mine: MediaStream,
    private readonly told: Told,
  ) {
    this.ways = seated.ways;
    this.told.state("waiting");
    addEventListener("online", this.anew);
    (navigator as { connection?: EventTarget }).connection?.addEventListener("change", this.anew);
    this.watching = window.setInterval(() => void this.watch(), LOOK);
    void this.listen();
  }

  /** Whether the other side hears, or sees. */
  show(kind: "audio" | "video", on: boolean): void {
    for (const track of this.mine.getTracks()) if (track.kind === kind) track.enabled = on;
    if (kind === "video") this.say({ picture: on });
  }

  /** Over, for this side. */
  async leave(): Promise<void> {
    const leaving = this.ask("/leave").catch(() => undefined);
    this.end();
    await leaving;
  }

  /** The network is another one: find a new way for the same call. */
  anew = (): void => {
    if (!this.line || this.stop.signal.aborted) return;
    if (this.seated.side === "doctor") void this.again();
    else this.say({ again: true });
  };

  private end(): void {
    this.stop.abort();
    window.clearInterval(this.watching);
    window.clearTimeout(this.broken);
    removeEventListener("online", this.anew);
    (navigator as { connection?: EventTarget }).connection?.removeEventListener("change", this.anew);
    this.line?.close();
    this.line = null;
    this.told.state("over");
  }

  private async listen(): Promise<void> {
    while (!this.stop.signal.aborted) {
      try {
        const answer = await fetch(`${this.base}/app/room`, { headers: this.headers(), cache: "no-store", credentials: "omit", signal: this.stop.signal });
        if (answer.status === 403) return this.end();
        if (answer.ok && answer.body) await events(answer.body, (event, data) => this.heard(event, data));
      } catch {
        // the line broke: it is opened again below, unless it was we who closed it
      }
      await new Promise((after) => setTimeout(after, LINE_AGAIN));
    }
  }

  private heard(event: string, data: string): void {
    if (event === "over") return this.end();
    const said = JSON.parse(data) as Word & { other?: string | null };
    this.turn = this.turn.then(() => this.deal(event === "hello" ? { came: said.other ?? undefined } : said)).catch(() => this.anew());
  }

  private async deal(word: Word): Promise<void> {
    if (this.stop.signal.aborted) return;
    if (word.came) await this.came(word.came);
    if (word.left) this.gone();
    if (word.description) await this.described(word.call!, word.description);
    if (word.candidate && word.call === this.call) await this.candidate(word.candidate);
    if (word.again) await this.again();
    if (word.picture !== undefined) this.told.picture((this.theirPicture = word.picture), false);
    if (word.weak) {
      this.show("video", false);
      this.told.soundOnly();
    }
  }

  /** Somebody sits opposite. Who offers does, unless it is the same one and the call goes on. */
  private async came(other: string): Promise<void> {
    const same = other === this.other && this.line?.connectionState === "connected";
    this.other = other;
    if (same || this.seated.side !== "doctor") return;
    this.open(crypto.randomUUID());
    for (const kind of KINDS) {
      const track = this.mine.getTracks().find((one) => one.kind === kind);
      this.line!.addTransceiver(track ?? kind, { direction: "sendrecv", streams: [this.mine] });
    }
    await this.offer();
  }

  private gone(): void {
    this.line?.close();
    this.line = null;
    this.other = "";
    this.told.state("waiting");
  }

  private open(call: string): void {
    this.line?.close();
    this.call = call;
    this.early = [];
    this.frames = -1;
    this.theirPicture = true;
    const line = (this.line = new RTCPeerConnection(this.ways));
    const theirs = new MediaStream();
    this.told.state("connecting");
    line.ontrack = ({ track }) => {
      theirs.addTrack(track);
      this.told.theirs(theirs);
    };
    line.onicecandidate = ({ candidate }) => candidate && this.say({ call, candidate: candidate.toJSON() });
    line.onconnectionstatechange = () => line === this.line && this.stands(line.connectionState);
  }

  private stands(now: RTCPeerConnectionState): void {
    window.clearTimeout(this.broken);
    if (now === "connected") {
      this.told.state("connected");
      const track = this.mine.getVideoTracks()[0];
      if (!track?.enabled) this.say({ picture: false });
    }
    if (now === "disconnected") this.broken = window.setTimeout(this.anew, BROKEN);
    if (now === "failed") this.anew();
    if (now === "disconnected" || now === "failed") this.told.state("lost");
  }

  private async offer(options: RTCOfferOptions = {}): Promise<void> {
    const line = this.line!;
    await line.setLocalDescription(await line.createOffer(options));
    this.say({ call: this.call, description: line.localDescription!.toJSON() as RTCSessionDescriptionInit });
  }

  /** A new way for the same call (ICE restart, RFC 8445, 9), with a fresh password for the relay. */
  private async again(): Promise<void> {
    const line = this.line;
    if (!line || this.seated.side !== "doctor") return;
    const fresh = await this.ask("/ways").catch(() => null);
    if (fresh?.ok) line.setConfiguration((this.ways = (await fresh.json()) as Ways));
    if (line === this.line && line.signalingState === "stable") await this.offer({ iceRestart: true });
  }

  private async described(call: string, description: RTCSessionDescriptionInit): Promise<void> {
    if (description.type === "answer") {
      if (call !== this.call || this.line?.signalingState !== "have-local-offer") return;
      await this.line.setRemoteDescription(description);
    } else {
      if (call !== this.call) this.open(call);
      await this.line!.setRemoteDescription(description);
      await this.answer();
    }
    for (const one of this.early.splice(0)) await this.line!.addIceCandidate(one);
  }

  private async answer(): Promise<void> {
    const line = this.line!;
    for (const one of line.getTransceivers()) {
      const track = this.mine.getTracks().find((mine) => mine.kind === one.receiver.track.kind);
      one.direction = "sendrecv";
      if (track && one.sender.track !== track) await one.sender.replaceTrack(track);
    }
    await line.setLocalDescription(await line.createAnswer());
    this.say({ call: this.call, description: line.localDescription!.toJSON() as RTCSessionDescriptionInit });
  }

  private async candidate(one: RTCIceCandidateInit): Promise<void> {
    if (this.line?.remoteDescription) await this.line.addIceCandidate(one);
    else this.early.push(one);
  }

  /** Pictures that stopped coming while the line stands: it does not carry them. The other side shall send sound alone. */
  private async watch(): Promise<void> {
    const line = this.line;
    if (!line || line.connectionState !== "connected" || !this.theirPicture) return void (this.looks = 0);
    let frames = 0;
    for (const one of (await line.getStats()).values() as Iterable<{ type: string; kind?: string; framesDecoded?: number }>)
      if (one.type === "inbound-rtp" && one.kind === "video") frames += one.framesDecoded ?? 0;
    this.looks = frames === this.frames ? this.looks + 1 : 0;
    this.frames = frames;
    if (this.looks < WEAK_LOOKS) return;
    this.theirPicture = false;
    this.told.picture(false, true);
    this.say({ weak: true });
  }

  /** One word after the other: what belongs to a description must not come before it. */
  private say(word: Word): void {
    this.saying = this.saying.then(() => this.ask("", word)).then(() => undefined, () => undefined);
  }

  private ask(path: string, body: unknown = {}): Promise<Response> {
    const headers = { ...this.headers(), "Content-Type": "application/json" };
    return fetch(`${this.base}/app/room${path}`, { method: "POST", headers, body: JSON.stringify(body), credentials: "omit", keepalive: path === "/leave" });
  }

  private headers(): Record<string, string> {
    return { "Room-Seat": this.seated.seat, "Accept-Language": document.documentElement.lang };
  }
}
