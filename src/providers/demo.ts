// The built-in `demo` provider: answers in-process, offline and without randomness, as strictly as OpenAI's API.
import { isObject, type JsonObject, parse } from "../lib/json.ts";
import { defineCompatible } from "./compatible.ts";
import { chat } from "./demo/chat.ts";
import { DemoFailure, failureResponse } from "./demo/failure.ts";
import { completions, embeddings, models, moderations } from "./demo/operations.ts";
import type { Provider } from "./provider.ts";

/**
 * Models: `echo` says what the user said last, `slow` does so a word every 100 ms, `fixed:<text>` says the text,
 * `error-<status>` fails. Tools are called when they must be, or when the user names them, with arguments made from
 * their schema; structured output is made from its schema.
 */
export const demo: Provider = {
  ...defineCompatible({
    id: "demo",
    label: "Demo (built in)",
    docs: "https://platform.openai.com/docs/api-reference/chat",
    openai: ["chat", "embeddings", "completions", "moderations"],
    local: true,
  }),
  serve,
};

async function serve(request: Request): Promise<Response> {
  try {
    return await answer(request);
  } catch (error) {
    if (error instanceof DemoFailure) return failureResponse(error);
    throw error;
  }
}

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const path = pathname.replace(/^\/v1(?=\/)/, "");
  if (request.method === "GET" && path === "/models") return models(undefined);
  if (request.method === "GET" && path.startsWith("/models/")) {
    return models(decodeURIComponent(path.slice("/models/".length)));
  }
  if (request.method === "POST") {
    switch (path) {
      case "/chat/completions":
        return chat(await readBody(request), request.signal);
      case "/embeddings":
        return embeddings(await readBody(request));
      case "/completions":
        return completions(await readBody(request), request.signal);
      case "/moderations":
        return moderations(await readBody(request));
      default:
    }
  }
  throw new DemoFailure(404, `Invalid URL (${request.method} ${pathname})`);
}

async function readBody(request: Request): Promise<JsonObject> {
  const text = await request.text();
  let body: unknown;
  try {
    body = parse(text);
  } catch {
    throw new DemoFailure(400, "We could not parse the JSON body of your request.");
  }
  if (isObject(body)) return body;
  throw new DemoFailure(400, "The JSON body of the request must be an object.");
}
