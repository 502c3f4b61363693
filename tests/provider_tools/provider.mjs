// A real OpenID Connect provider (oidc-provider, certified) on a free port of loopback. Prints its issuer, ends with its
// standard input. Programs register themselves; whoever types a name is that person, signed in by the ways she types.
import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const jwk = (type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }), alg, use: "sig", kid: alg,
});
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [
      jwk("rsa", { modulusLength: 2048 }, "RS256"), jwk("rsa", { modulusLength: 2048 }, "PS256"),
      jwk("ec", { namedCurve: "P-256" }, "ES256"),
    ] },
    cookies: { keys: ["only for tests"] },
    claims: { openid: ["sub", "acr", "amr", "auth_time"], profile: ["name", "preferred_username"], email: ["email"] },
    conformIdTokenClaims: false,
    acrValues: ["two-factors"],
    scopes: ["openid", "profile", "email"],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, registration: { enabled: true } },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => ({ sub, preferred_username: `${sub}@elsewhere`, name: "Lò Thị Mẩy", email: "may@benhan.example" }),
    }),
    loadExistingGrant: async (context) => {
      const grant = new provider.Grant({ clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId });
      grant.addOIDCScope("openid profile email");
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on("request", async (request, response) => {
    if (!request.url.startsWith("/interaction/")) return answer(request, response);
    try {
      if (request.method === "GET") {
        response.setHeader("content-type", "text/html; charset=utf-8");
        return response.end(`<!doctype html><html lang="vi"><title>Elsewhere</title><h1>Elsewhere</h1><form method="post">
          <input name="login" aria-label="Name" autofocus><input name="amr" aria-label="Ways">
          <button>Sign in</button><button name="no" value="1">Cancel</button></form></html>`);
      }
      const said = new URLSearchParams(await read(request));
      const login = { accountId: said.get("login"), amr: (said.get("amr") ?? "").split(" ").filter(Boolean) };
      const result = said.get("no") ? { error: "access_denied" } : { login };
      return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    } catch (error) {
      response.statusCode = 500;
      return response.end(String(error));
    }
  });
  console.log(issuer);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit());

async function read(request) {
  let body = "";
  for await (const part of request) body += part;
  return body;
}
