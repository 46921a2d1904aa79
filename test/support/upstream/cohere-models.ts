// What the models of the Cohere double can and cannot do, as far as requests are judged by it.

export interface CohereModel {
  name: string;
  endpoint: "chat" | "embed" | "rerank";
  reasoning: boolean;
  vision: boolean;
  dimensions: number;
  /** Vectors of other lengths. */
  anyDimension: boolean;
}

type Traits = Omit<CohereModel, "name">;

const chat: Traits = {
  endpoint: "chat",
  reasoning: false,
  vision: false,
  dimensions: 0,
  anyDimension: false,
};

const families: readonly (readonly [pattern: RegExp, traits: Traits])[] = [
  [/^command-a-reasoning-\d{2}-\d{4}$/, { ...chat, reasoning: true }],
  [/^command-a-vision-\d{2}-\d{4}$/, { ...chat, vision: true }],
  [/^command-(?:a|a-translate|r|r-plus|r7b|r7b-arabic)-\d{2}-\d{4}$/, chat],
  [/^c4ai-aya-expanse-(?:8b|32b)$/, chat],
  [/^c4ai-aya-vision-(?:8b|32b)$/, { ...chat, vision: true }],
  [/^embed-v4\.0$/, { ...chat, endpoint: "embed", dimensions: 1536, anyDimension: true }],
  [/^embed-(?:english|multilingual)-v3\.0$/, { ...chat, endpoint: "embed", dimensions: 1024 }],
  [/^embed-(?:english|multilingual)-light-v3\.0$/, { ...chat, endpoint: "embed", dimensions: 384 }],
  [/^rerank-v(?:3\.5|4\.0-(?:pro|fast))$/, { ...chat, endpoint: "rerank" }],
  [/^rerank-(?:english|multilingual)-v3\.0$/, { ...chat, endpoint: "rerank" }],
];

/** Names that were taken back on one day. */
const removed: ReadonlySet<string> = new Set([
  "command",
  "command-light",
  "command-nightly",
  "command-r",
  "command-r-plus",
]);

export const isRemoved = (name: string): boolean => removed.has(name);

/** What is known of a model; undefined when there is none of that name. */
export function findCohereModel(name: string): CohereModel | undefined {
  const found = families.find(([pattern]) => pattern.test(name));
  return found && { ...found[1], name };
}

/** A model that a test names itself; it serves the operation it is asked for. */
export const plainCohereModel = (name: string, endpoint: CohereModel["endpoint"]): CohereModel => ({
  ...chat,
  name,
  endpoint,
  vision: true,
  reasoning: true,
  dimensions: 1024,
});

/** What `GET /v1/models` lists. */
export const cohereModelNames: readonly string[] = [
  "command-a-03-2025",
  "command-a-reasoning-08-2025",
  "command-a-vision-07-2025",
  "command-r-08-2024",
  "command-r7b-12-2024",
  "embed-v4.0",
  "embed-english-v3.0",
  "rerank-v3.5",
  "rerank-english-v3.0",
];
