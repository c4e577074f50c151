// What the JavaScript SDKs make of the files and variables of a case: one JSON line in, one out.
//
//   node clouds.mjs aws|google|azure
//
// The variable CLAVIGER_TEST_NPM names the directory of the packages.

import { Agent } from "node:https";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import tls from "node:tls";

const load = createRequire(process.env.CLAVIGER_TEST_NPM + "/");
// Milliseconds until a tool that still waits is given up.
const LIMIT = 25_000;
const SCOPE = { google: "https://www.googleapis.com/auth/cloud-platform", azure: "https://cognitiveservices.azure.com/.default" };

const tools = {
  aws() {
    const { defaultProvider } = load("@aws-sdk/credential-provider-node");
    return async () => {
      const found = await defaultProvider({})();
      const parts = [found.accessKeyId, found.secretAccessKey, found.sessionToken ?? ""];
      return { identity: parts.join(" ").trim(), expires: seconds(found.expiration) };
    };
  },
  google() {
    const { GoogleAuth, gcpMetadata } = load("google-auth-library");
    return async () => {
      gcpMetadata?.resetIsAvailableCache?.();
      const auth = new GoogleAuth({ scopes: [SCOPE.google] });
      const client = await auth.getClient();
      // As each client library does before it asks (google-gax).
      const wanted = process.env.GOOGLE_CLOUD_UNIVERSE_DOMAIN ?? "googleapis.com";
      const theirs = await auth.getUniverseDomain();
      if (wanted !== theirs) throw new Error(`the universe ${wanted} is not that of the credentials: ${theirs}`);
      const { token } = await client.getAccessToken();
      if (!token) throw new Error("no token");
      const at = client.credentials?.expiry_date ?? client.cachedAccessToken?.expiry_date;
      return { identity: token, expires: seconds(at && new Date(at)) };
    };
  },
  azure() {
    return async () => {
      // MSAL keeps which service a managed identity comes from for as long as its modules live.
      for (const name of Object.keys(load.cache)) if (name.includes("/@azure/")) delete load.cache[name];
      const { DefaultAzureCredential } = load("@azure/identity");
      const found = await new DefaultAzureCredential().getToken(SCOPE.azure);
      return { identity: found.token, expires: seconds(new Date(found.expiresOnTimestamp)) };
    };
  },
};

const seconds = (date) => (date ? Math.floor(date.getTime() / 1000) : null);

// AWS's SDK knows no proxies: what it asks for leads to the server that stands in.
if (process.argv[2] === "aws") {
  Agent.prototype.createConnection = (options) => {
    const proxy = new URL(process.env.HTTPS_PROXY);
    return tls.connect({ ...options, host: proxy.hostname, port: proxy.port, servername: options.servername || options.host });
  };
}

// Some libraries throw where no promise of theirs sees it.
let fail = () => {};
process.on("uncaughtException", (error) => fail(error));
const run = tools[process.argv[2]]();
for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, question.env);
  process.chdir(question.cwd);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it still waits")), LIMIT);
    fail = reject;
  });
  const answer = await Promise.race([run(), late]).catch((error) => ({ error: `${error.name}: ${error.message}` }));
  clearTimeout(timer);
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
