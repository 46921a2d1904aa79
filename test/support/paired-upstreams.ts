// Several OpenAI-like servers that note what they are asked, and answer as they are told.
export interface Paired {
  readonly url: string;
  readonly bodies: Record<string, unknown>[];
  readonly raw: string[];
  readonly headers: Headers[];
  /** What the next requests meet; afterwards they are answered. */
  next: ("fail" | "hang" | "refuse")[];
  /** Requests that were given up by whoever asked. */
  readonly left: () => number;
  /** Lets the hanging ones go. */
  release(): void;
  text: string;
  stop(): Promise<void>;
}

export function startPaired(text: string): Paired {
  const bodies: Record<string, unknown>[] = [];
  const raw: string[] = [];
  const headers: Headers[] = [];
  let waiting: (() => void)[] = [];
  let left = 0;
  const server = Bun.serve({
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const body = await request.text();
      const asked = JSON.parse(body) as Record<string, unknown>;
      raw.push(body);
      bodies.push(asked);
      headers.push(request.headers);
      request.signal.addEventListener("abort", () => (left += 1));
      const fate = paired.next.shift();
      if (fate === "fail") return Response.json({ error: { message: "down" } }, { status: 500 });
      if (fate === "refuse") return Response.json({ error: { message: "no" } }, { status: 400 });
      if (fate === "hang") await new Promise<void>((resolve) => waiting.push(resolve));
      return answerTo(asked, new URL(request.url).pathname, paired.text);
    },
  });
  const paired: Paired = {
    url: `${server.url.origin}/v1`,
    bodies,
    raw,
    headers,
    next: [],
    text,
    left: () => left,
    release() {
      for (const go of waiting) go();
      waiting = [];
    },
    async stop() {
      paired.release();
      await server.stop(true);
    },
  };
  return paired;
}

function answerTo(asked: Record<string, unknown>, path: string, text: string): Response {
  const head = { id: "c1", created: 1, model: asked["model"] };
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  if (path.endsWith("/embeddings")) {
    const data = [{ object: "embedding", index: 0, embedding: [0.5, 0.25] }];
    return Response.json({ object: "list", data, model: asked["model"], usage });
  }
  if (path.endsWith("/responses")) {
    const content = [{ type: "output_text", text, annotations: [] }];
    const output = [{ type: "message", id: "m", role: "assistant", status: "completed", content }];
    const counts = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
    const answer = { ...head, id: "resp_1", object: "response", status: "completed", output };
    return Response.json({ ...answer, usage: counts });
  }
  if (asked["stream"] !== true) {
    const message = { role: "assistant", content: text };
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    return Response.json({ ...head, object: "chat.completion", choices, usage });
  }
  const event = (fields: object): string =>
    `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...fields })}\n\n`;
  return new Response(
    event({ choices: [{ index: 0, delta: { role: "assistant", content: text } }] }) +
      event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) +
      event({ choices: [], usage }) +
      "data: [DONE]\n\n",
    { headers: { "content-type": "text/event-stream" } },
  );
}
