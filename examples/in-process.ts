// The gateway inside a program: no daemon, no port. Run it with `bun examples/in-process.ts`.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { createGateway } from "../src/index.ts"; // in a project of yours: from "megallm"

const gateway = createGateway({
  config: {
    // A real one: providers: { openai: {} } takes OPENAI_API_KEY from the environment.
    providers: { demo: {} },
    models: { assistant: "demo/echo" },
  },
});

const openai = new OpenAI({
  apiKey: "unused",
  baseURL: "http://megallm/v1",
  fetch: gateway.fetch,
});
const completion = await openai.chat.completions.create({
  model: "assistant",
  messages: [{ role: "user", content: "Hello from the OpenAI SDK" }],
});
console.log(completion.choices[0]?.message.content);

const anthropic = new Anthropic({
  apiKey: "unused",
  baseURL: "http://megallm",
  fetch: gateway.fetch,
});
const stream = anthropic.messages.stream({
  model: "assistant",
  max_tokens: 100,
  messages: [{ role: "user", content: "Hello from the Anthropic SDK" }],
});
for await (const event of stream) {
  if (event.type === "content_block_delta" && event.delta.type === "text_delta") {
    process.stdout.write(event.delta.text);
  }
}
process.stdout.write("\n");

await gateway.close();
