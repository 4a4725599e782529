// A real OpenID Connect provider for the tests: node op.mjs PORT SETTINGS, where SETTINGS is JSON with
//   issuer, redirect_uris (of our client), keys (a name; another name, other keys).
// Anybody may log in with any password: the login's name is the account. Says "ready" when it listens.
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, settings] = [Number(process.argv[2]), JSON.parse(process.argv[3])];
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const people = {
  alice: { email: "alice@example.org", name: "Alice", groups: ["staff", "admins;really"] },
  bob: { email: "bob@example.org", name: "Bob", groups: ["guests"] },
};
const client = (client_id, more) => ({ client_id, redirect_uris: [], response_types: [], ...more });

const provider = new Provider(settings.issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: `key-${Date.now()}` }] },
  clients: [
    client("pileus", {
      client_secret: "p:leus & secret", redirect_uris: settings.redirect_uris, response_types: ["code"],
      grant_types: ["authorization_code"],
    }),
    client("cli", {
      token_endpoint_auth_method: "none", application_type: "native", redirect_uris: ["http://127.0.0.1:8085"], response_types: ["code"],
      grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "authorization_code"],
    }),
    client("robot", { client_secret: "robot-secret", grant_types: ["client_credentials", "password"] }),
    client("stranger", { client_secret: "stranger-secret", grant_types: ["client_credentials", "password"] }),
  ],
  claims: { openid: ["sub"], profile: ["name"], email: ["email"], groups: ["groups"] },
  scopes: ["openid", "profile", "email", "groups", "offline_access"],
  conformIdTokenClaims: true,
  pkce: { required: (_, one) => one.clientId === "pileus" },
  cookies: { keys: ["only for tests"] },
  ttl: { AccessToken: 600, DeviceCode: 600, IdToken: 600, Grant: 600, Session: 600, Interaction: 600 },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    deviceFlow: { enabled: true },
    userinfo: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) => ctx.oidc.params?.resource ?? [],
      getResourceServerInfo: (_, resource) => ({ scope: "openid", audience: resource, accessTokenFormat: "jwt" }),
      useGrantedResource: () => true,
    },
  },
});

// The password grant, which oidc-provider leaves to whoever wants it.
provider.registerGrantType("password", async (ctx) => {
  const { username, scope } = ctx.oidc.params;
  const grant = new provider.Grant({ accountId: username, clientId: ctx.oidc.client.clientId });
  grant.addOIDCScope(scope ?? "openid");
  const grantId = await grant.save();
  const token = new provider.AccessToken({
    accountId: username, client: ctx.oidc.client, grantId, gty: "password", scope: scope ?? "openid",
  });
  ctx.body = { access_token: await token.save(), expires_in: token.expiration, token_type: "Bearer", scope };
}, ["username", "password", "scope"]);

provider.on("server_error", (_, error) => console.error(error));
provider.listen(port, "127.0.0.1", () => console.log("ready"));
