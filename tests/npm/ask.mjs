// As tests/python/ask.py, with Anthropic's library for JavaScript.
import { createRequire } from "node:module";

const { default: Anthropic } = createRequire(`${process.argv[2]}/`)("@anthropic-ai/sdk");
const message = { model: "m", max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
try {
  for await (const event of new Anthropic().messages.stream(message)) console.log(event.delta?.text ?? "");
} catch (error) {
  if (!(error instanceof Anthropic.APIError)) throw error;
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}
