// A gateway with LiteLLM's paths and a priced model, and a client that asks them as LiteLLM's documentation does.
import { adminKey, type InProcess, startInProcess } from "./in-process.ts";
import { startOpenAiUpstream } from "./upstream/openai.ts";
import type { Upstream } from "./upstream/upstream.ts";

export interface LitellmAnswer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
  readonly text: string;
}

export interface LitellmGround {
  readonly running: InProcess;
  readonly upstream: Upstream;
  /** Sends JSON as the master key, or as another. */
  ask(
    method: string,
    path: string,
    options?: { body?: unknown; key?: string | null },
  ): Promise<LitellmAnswer>;
  /** A chat of about 20 tokens, at a dollar for a thousand of them. */
  chat(key: string, more?: Record<string, unknown>): Promise<LitellmAnswer>;
  close(): Promise<void>;
}

export async function startLitellm(config: Record<string, unknown> = {}): Promise<LitellmGround> {
  const upstream = await startOpenAiUpstream({ key: "key-of-the-upstream-0123456789" });
  const running = await startInProcess({
    server: { require_key: "always" },
    providers: {
      up: {
        type: "openai-compatible",
        base_url: upstream.baseUrl,
        api_key: upstream.key,
        models: ["gpt-4o", "gpt-4o-mini"],
      },
    },
    models: { fast: "up/gpt-4o-mini" },
    prices: { "*": { input: "1000", output: "1000" } },
    ...config,
  });
  const ask: LitellmGround["ask"] = async (method, path, { body, key = adminKey } = {}) => {
    const answer = await running.fetch(path, {
      method,
      headers: {
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === "" ? null : JSON.parse(text),
      text,
    };
  };
  return {
    running,
    upstream,
    ask,
    async chat(key, more = {}) {
      const messages = [{ role: "user", content: "hello" }];
      const body = { model: "fast", max_tokens: 10, messages, ...more };
      const answer = await ask("POST", "/v1/chat/completions", { key, body });
      await running.idle();
      return answer;
    },
    async close() {
      await running.close();
      await upstream.stop();
    },
  };
}
