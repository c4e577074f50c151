// An OpenID provider on loopback: rotating refresh tokens with reuse detection, PKCE required, device flow, revocation.
// Every visitor is signed in as `person` at once, so a "browser" only has to follow redirects.
//
//   node provider.mjs '{"log": FILE, "access": SECONDS, "refresh": SECONDS, "clients": […]}'
//
// It prints {"issuer": …} once it listens. Each request to an endpoint that matters becomes a line of JSON in the log.
//
// With "control": FILE it looks there before each request to /token, for JSON that says how to behave from now on:
// "access" (seconds), "before" and "after" ([fewest, most] milliseconds until it does what it is asked for, and until it says
// so), "down" (a status that it answers instead), "mute" (it does what it is asked for, and hangs up).

import { createHash } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2]);
const log = (entry) => appendFileSync(options.log, JSON.stringify({ at: Date.now(), ...entry }) + "\n");

function control() {
  try {
    return JSON.parse(readFileSync(options.control, "utf8"));
  } catch {
    return {};
  }
}

const server = createServer();
await new Promise((ready) => server.listen(options.port ?? 0, "127.0.0.1", ready));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: options.clients,
  claims: { openid: ["sub"], email: ["email"], org: ["org_id"] },
  scopes: ["openid", "offline_access", "email", "org"],
  features: {
    deviceFlow: { enabled: true, charset: "base-20", mask: "****-****" },
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
  },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: async () => true,
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: `${id}@example.com`, org_id: options.organization ?? "org-1" }),
  }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  ttl: {
    AccessToken: () => control().access ?? options.access ?? 3600,
    RefreshToken: options.refresh ?? 86400,
    AuthorizationCode: 60,
    DeviceCode: options.deviceCode ?? 600,
    IdToken: 3600,
    Grant: 86400,
    Session: 86400,
    Interaction: 600,
  },
  cookies: { keys: ["test"] },
});

for (const name of ["grant.revoked", "grant.error", "grant.success", "server_error", "refresh_token.consumed"]) {
  provider.on(name, (...values) => {
    const error = values.find((value) => value instanceof Error);
    log({ event: name, error: error?.error ?? error?.message, detail: error?.error_detail });
  });
}

// Which refresh tokens it was shown, without telling them.
provider.on("grant.success", (ctx) => {
  const token = ctx.oidc.params.refresh_token;
  if (token) log({ event: "shown", token: createHash("sha256").update(token).digest("hex") });
});
// Opaque tokens are their own identity. A reader of this log can use them; that is what a test wants.
for (const kind of ["refresh_token", "access_token"]) {
  provider.on(`${kind}.saved`, (token) => log({ event: `${kind}.saved`, value: token.jti }));
}

const callback = provider.callback();
const pause = ([fewest, most] = [0, 0]) =>
  new Promise((done) => setTimeout(done, fewest + Math.random() * (most - fewest)));

async function token(request, response) {
  const { before, after, down, mute } = control();
  log({ event: "asked" });
  await pause(before);
  if (down) {
    response.statusCode = down;
    return response.end();
  }
  const end = response.end.bind(response);
  response.end = (...values) => {
    if (mute) return request.socket.destroy();
    pause(after).then(() => end(...values));
  };
  return callback(request, response);
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (options.deny) {
    const denied = { error: "access_denied", error_description: "said no" };
    return provider.interactionFinished(request, response, denied, { mergeWithLastSubmission: false });
  }
  const grant = new provider.Grant({ accountId: options.person ?? "person", clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope ?? "openid");
  const result = { login: { accountId: options.person ?? "person" }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

server.on("request", (request, response) => {
  const path = new URL(request.url, issuer).pathname;
  if (path.startsWith("/interaction/")) {
    interact(request, response).catch((error) => {
      log({ event: "interaction failed", error: error.message });
      response.statusCode = 500;
      response.end(error.message);
    });
    return;
  }
  if (["/token", "/token/revocation", "/device/auth", "/auth"].includes(path)) {
    response.on("finish", () => log({ path, status: response.statusCode }));
  }
  if (path === "/token") token(request, response);
  else callback(request, response);
});

console.log(JSON.stringify({ issuer }));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
