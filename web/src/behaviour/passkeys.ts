// A form with data-passkey asks our server for a question, lets the device answer it, and sends the answer as a form.
// Without WebAuthn (or without JavaScript) such a form stays hidden: a passkey is never the only way in. So it does where
// the address is a number: browsers give passkeys to names only.
import { tell } from "./exchange";

const NUMBER = /^(\[.*\]|[\d.]+)$/;

interface Question { step: string; options: Record<string, unknown>; go?: string }

export function passkeys(): void {
  reveal();
  document.addEventListener("htmx:afterSettle", reveal);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset.passkey || form.dataset.answered !== undefined) return;
    event.preventDefault();
    void answer(form);
  });
}

function reveal(): void {
  if (!("PublicKeyCredential" in window) || NUMBER.test(window.location.hostname)) return;
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-passkey][hidden]")) form.hidden = false;
}

async function answer(form: HTMLFormElement): Promise<void> {
  try {
    const asked = await fetch(form.dataset.question ?? "", { method: "POST", headers: { Accept: "application/json" } });
    if (asked.redirected) return window.location.assign(asked.url);
    const question = (await asked.json()) as Question;
    if (question.go) return window.location.assign(question.go);
    const options = read(question.options);
    const credential = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: options as unknown as PublicKeyCredentialCreationOptions })
      : await navigator.credentials.get({ publicKey: options as unknown as PublicKeyCredentialRequestOptions });
    if (!(credential instanceof PublicKeyCredential)) throw new Error("no passkey");
    field(form, "step").value = question.step;
    field(form, "credential").value = JSON.stringify(written(credential));
    form.dataset.answered = "";
    form.requestSubmit();
    delete form.dataset.answered;
  } catch {
    tell(form.dataset.failed ?? "");
  }
}

function field(form: HTMLFormElement, name: string): HTMLInputElement {
  return form.elements.namedItem(name) as HTMLInputElement;
}

/** Options as the server writes them → as the device wants them: base64url text becomes bytes. */
function read(options: Record<string, unknown>): Record<string, unknown> {
  const user = options.user as { id: string } | undefined;
  const known = (list: unknown): unknown => (list as { id: string }[] | undefined)?.map((one) => ({ ...one, id: bytes(one.id) }));
  return {
    ...options,
    challenge: bytes(options.challenge as string),
    ...(user && { user: { ...user, id: bytes(user.id) } }),
    ...(options.excludeCredentials ? { excludeCredentials: known(options.excludeCredentials) } : {}),
    ...(options.allowCredentials ? { allowCredentials: known(options.allowCredentials) } : {}),
  };
}

function written(one: PublicKeyCredential): unknown {
  const said = one.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  const response: Record<string, string> = { clientDataJSON: text(said.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"] as const) {
    const part = said[name] as ArrayBuffer | null | undefined;
    if (part) response[name] = text(part);
  }
  return { id: one.id, rawId: text(one.rawId), type: one.type, response, clientExtensionResults: one.getClientExtensionResults() };
}

function bytes(said: string): Uint8Array {
  const plain = said.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
}

function text(buffer: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
