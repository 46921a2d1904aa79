// A vendor's SDK as the tests drive it: one question, one tool, streamed or not, in no SDK's terms.

export interface Question {
  model: string;
  prompt: string;
  stream: boolean;
  /** Offers the tool `weather`, of one argument `city`. */
  tool?: boolean;
}

export interface Heard {
  text: string;
  calls: { name: string; args: unknown }[];
  inputTokens: number | undefined;
  outputTokens: number | undefined;
}

export interface Sdk {
  name: string;
  /** A client of the gateway at `url`, with the gateway's key. */
  connect(url: string, key: string): Connected;
}

export interface Connected {
  ask(question: Question): Promise<Heard>;
}

/** HTTP status in whatever an SDK throws; undefined when it tells none. */
export function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const found = thrown as Record<string, unknown>;
  const meta = found["$metadata"] as { httpStatusCode?: number } | undefined;
  const candidates = [
    found["status"],
    found["statusCode"],
    found["status_code"],
    meta?.httpStatusCode,
  ];
  return candidates.find((status): status is number => typeof status === "number");
}

/** Everything that a thrown error says, causes included. */
export function wordsOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return JSON.stringify(thrown);
  const { cause } = thrown;
  const { body, responseBody } = thrown as { body?: unknown; responseBody?: unknown };
  const told = JSON.stringify([body, responseBody]);
  return `${thrown.message} ${told} ${cause === undefined ? "" : wordsOf(cause)}`;
}

export const weather = {
  name: "weather",
  description: "The weather of a city",
  schema: {
    type: "object" as const,
    properties: { city: { type: "string" as const } },
    required: ["city"],
  },
};

export const heard = (): Heard => ({
  text: "",
  calls: [],
  inputTokens: undefined,
  outputTokens: undefined,
});
