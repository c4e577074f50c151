// As tests/python/messages.py, with Anthropic's library for JavaScript.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const [directory, end] = process.argv.slice(2);
const { default: Anthropic } = createRequire(`${directory}/`)("@anthropic-ai/sdk");
const client = new Anthropic({ maxRetries: 0 });
const message = { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] };

let count = 0;
while (!existsSync(end)) {
  for (const answer of [await client.messages.create(message), await client.messages.stream(message).finalMessage()]) {
    if (answer.content[0].text !== "greetings") throw new Error(JSON.stringify(answer));
    count += 1;
  }
}
console.log(count);
