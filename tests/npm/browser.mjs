// A browser for the provider of the tests: follows redirects with cookies, and submits the forms of the device flow.
//
//   node browser.mjs URL            prints the last address and status
//   node browser.mjs --stay URL     stops before it leaves the provider, and prints where it was sent

const stay = process.argv[2] === "--stay";
let url = new URL(process.argv[stay ? 3 : 2]);
const origin = url.origin;
const jar = new Map();
let body;

for (let hops = 0; hops < 20; hops += 1) {
  const headers = { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") };
  if (body) headers["content-type"] = "application/x-www-form-urlencoded";
  const reply = await fetch(url, { method: body ? "POST" : "GET", headers, body, redirect: "manual" });
  body = undefined;
  for (const cookie of reply.headers.getSetCookie()) {
    const [pair] = cookie.split(";");
    const at = pair.indexOf("=");
    jar.set(pair.slice(0, at), pair.slice(at + 1));
  }
  const location = reply.headers.get("location");
  if (location) {
    url = new URL(location, url);
    if (stay && url.origin !== origin) break;
    continue;
  }
  const text = await reply.text();
  const form = /<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(text);
  const confirms = form && /name="(xsrf)"/.test(form[2]);
  if (reply.ok && url.origin === origin && confirms) {
    const fields = [...form[2].matchAll(/<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)];
    const values = fields.map(([, name, value]) => [name, value]).filter(([name]) => name !== "abort");
    if (!values.some(([name]) => name === "confirm")) values.push(["confirm", "yes"]);
    url = new URL(form[1].replaceAll("&amp;", "&"), url);
    body = new URLSearchParams(values).toString();
    continue;
  }
  console.log(JSON.stringify({ url: url.href, status: reply.status }));
  process.exit(0);
}
console.log(JSON.stringify({ url: url.href, status: 0 }));
