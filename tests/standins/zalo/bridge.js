// The browser of a telephone as zmp-sdk 2.51.6 finds it on Android: the app asks by `jsCall` and is answered by name.
// What it says comes from `window.__ZALO_STANDIN__` = {appId, zaloAppId, version, appConfig, user, deny, qr}.
// Source: shared/zalo/README.md ("SDK modes").
(() => {
  const said = window.__ZALO_STANDIN__;
  const { user, deny } = said;
  const store = {};
  Object.assign(window, {
    APP_ID: said.appId, zAppID: said.zaloAppId, APP_VERSION: said.version, APP_ENV: "", APP_CONFIG: said.appConfig,
    zLanguage: "vi", zTheme: said.theme ?? "light", ZJSBridge: { setJSToken() {}, setZAccSession() {} },
  });
  const calls = (window.__ZALO_CALLS__ = []);

  /** What she answers when she is asked for `scope`. */
  function granted(scope, answer) {
    if (deny.includes(scope)) throw [-1, "User denied"];
    return answer;
  }
  /** Storage of this app alone (`nativeStorage`). */
  function storage({ mpds_action: action, mpds_data: data = {} }) {
    const keys = data.keys ?? [];
    if (action === "mpds.get") return { mpds_data: { map: Object.fromEntries(keys.filter((key) => key in store).map((key) => [key, store[key]])) } };
    if (action === "mpds.set") return Object.assign(store, data.map), { mpds_data: { error_keys: [] } };
    if (action === "mpds.remove.key") return keys.forEach((key) => delete store[key]), { mpds_data: { error_keys: [] } };
    if (action === "mpds.clear.appData") Object.keys(store).forEach((key) => delete store[key]);
    return {};
  }
  const cookie = (name, value) => ({ name: `h5.zdn.vn_${name}`, value });
  const answers = {
    "action.jump.login": () => ({
      miniProgramConfig: {
        jwt: user.jwt ?? "jwt", userId: user.id, idToken: "id-token", userAuthorized: true, canUseAccessTokenByDefault: true,
        dynamicApis: [], requiredAuthenList: [], showConfirmToPayment: false,
      },
      cookiesOAuthLogins: [cookie("zoauth", "code"), cookie("zoauth_vrf", "verifier"), cookie("zlink3rd", "js-token"), cookie("deviceID", "device")],
    }),
    "action.mp.user.authorize": ({ scopes }) => Object.fromEntries(scopes.map((one) => [one, !deny.includes(one)])),
    "action.mp.get.number": () => granted("scope.userPhonenumber", { token: user.phoneToken }),
    "action.get.location": () => granted("scope.userLocation", { token: user.locationToken }),
    "action.open.qr": () => granted("camera", { content: said.qr }),
    "action.zbrowser.mpds": storage,
  };

  function answered(action, params) {
    try {
      return { error_code: 0, error_message: "", action, data: answers[action]?.(params) ?? {} };
    } catch (refusal) {
      const [code, message] = Array.isArray(refusal) ? refusal : [-1, String(refusal)];
      return { error_code: code, error_message: message, action, data: {} };
    }
  }

  window.ZaloJavaScriptInterface = {
    jsH5EventCallback() {},
    processActionMPDS: (text) => JSON.stringify({ error_code: 0, error_message: "", action: "action.zbrowser.mpds.sync", data: storage(JSON.parse(text)) }),
    jsCall(_jsToken, action, accessToken, params, callback) {
      const asked = params ? JSON.parse(params) : {};
      calls.push({ action, params: asked, hasAccessToken: Boolean(accessToken) });
      const tell = typeof callback === "function" ? callback : (0, eval)(callback);
      queueMicrotask(() => tell(JSON.stringify(answered(action, asked))));
    },
  };
})();
