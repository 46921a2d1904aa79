// Three clients, one per API: what each sends, and what it makes of the answer.
import {
  anthropicCaller,
  type Caller,
  openAiCaller,
  postAs,
  type Reading,
} from "../support/callers.ts";
import { createSseParser } from "../../src/lib/sse.ts";

export type Seen = Pick<Reading, "text" | "error" | "complete">;

export interface Client {
  name: string;
  request(model: string, stream: boolean, init?: RequestInit): [path: string, init: RequestInit];
  /** A stream, or a whole answer; throws where that is not of this API. */
  read(answer: Response): Promise<Seen>;
}

const isStream = (answer: Response): boolean =>
  answer.headers.get("content-type")?.startsWith("text/event-stream") ?? false;

const clientOf = (name: string, caller: Caller): Client => ({
  name,
  request: (model, stream, init) => [
    caller.paths[0],
    { ...postAs(caller, caller.body(model, stream ? { stream } : {})), ...init },
  ],
  async read(answer) {
    if (isStream(answer)) return caller.read(answer);
    const body = await answer.text();
    return answer.ok
      ? { text: caller.textOf(body), complete: true }
      : { text: "", error: caller.errorOf(body).message, complete: false };
  },
});

interface GeminiAnswer {
  candidates?: { content?: { parts?: { text?: string }[] }; finishReason?: string }[];
  error?: { code: number; message: string; status: string };
}

function readGemini(answers: readonly GeminiAnswer[]): Seen {
  const seen: Seen = { text: "", complete: false };
  for (const { candidates: [candidate] = [], error } of answers) {
    if (seen.error !== undefined) throw new Error("something came after the error");
    if (error && (error.message === "" || typeof error.code !== "number" || error.status === "")) {
      throw new Error("not Google's form of an error");
    }
    if (error) seen.error = error.message;
    seen.text += candidate?.content?.parts?.map(({ text = "" }) => text).join("") ?? "";
    if (candidate?.finishReason) seen.complete = true;
  }
  return seen;
}

const gemini: Client = {
  name: "Gemini",
  request: (model, stream, init) => [
    `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    {
      method: "POST",
      headers: { "content-type": "application/json", "x-goog-api-key": "the-callers-own-key" },
      body: JSON.stringify({ contents: [{ role: "user", parts: [{ text: "Say hello." }] }] }),
      ...init,
    },
  ],
  async read(answer) {
    if (!isStream(answer)) return readGemini([(await answer.json()) as GeminiAnswer]);
    const parser = createSseParser();
    const frames = [...parser.push(new Uint8Array(await answer.arrayBuffer()))];
    return readGemini(frames.map(({ data }) => JSON.parse(data) as GeminiAnswer));
  },
};

export const clients: readonly Client[] = [
  clientOf("OpenAI", openAiCaller),
  clientOf("Anthropic", anthropicCaller),
  gemini,
];
