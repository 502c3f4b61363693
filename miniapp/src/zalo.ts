// Inside Zalo: the SDK, and nothing of it elsewhere.
import { createOrder, getAccessToken, getPhoneNumber, nativeStorage, openOutApp, scanQRCode } from "zmp-sdk/apis";
import { type Host, Refused } from "./host";

declare global {
  interface Window {
    zTheme?: string;
  }
}

/** The Mini App of this path. */
export function inZalo(root: string, backend: string): Host {
  return {
    name: "zalo",
    root,
    backend,
    theme: window.zTheme === "dark" ? "dark" : "light",
    proof: { access: () => asked(getAccessToken()), phone: async () => (await asked(getPhoneNumber())).token ?? "" },
    scan: async () => (await asked(scanQRCode())).content,
    open: (url) => asked(openOutApp({ url })),
    pay: async (order) => (await asked(createOrder({ ...order }))).orderId,
    keep: (name, value) => nativeStorage.setItem(`benhan.${name}`, value),
    kept: (name) => nativeStorage.getItem(`benhan.${name}`) || null,
    forget: (name) => nativeStorage.removeItem(`benhan.${name}`),
  };
}

/** What was asked, or that she said no (`-201`, `-1401`, `-2002`: the SDK's words for it). */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new Refused(String((error as { code?: number }).code ?? error));
  }
}
