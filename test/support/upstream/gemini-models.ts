// What the Gemini models of the double can and cannot do, as far as requests are judged by it.

/** https://ai.google.dev/gemini-api/docs/models, https://ai.google.dev/gemini-api/docs/thinking */
export interface GeminiModel {
  /** The name answers carry. */
  version: string;
  displayName: string;
  task: "generate" | "embed";
  inputTokens: number;
  outputTokens: number;
  thinking: Thinking;
  /** `demanded`: calls of the turn under way must carry theirs; `given`: told, and may be left out. */
  signatures: "demanded" | "given" | "none";
  /** Function calls carry an id. */
  callIds: boolean;
  /** Functions together with JSON answers and with the vendor's own tools. */
  combines: boolean;
  /** Length of vectors. */
  dimensions?: number;
}

export type Thinking =
  | { by: "none" }
  | {
      by: "budget";
      least: number;
      most: number;
      /** Budget 0 turns it off. */
      canStop: boolean;
      /** Thinks when nothing is asked. */
      byDefault: boolean;
    }
  /** Budgets are taken too, for old clients. */
  | { by: "level"; levels: readonly string[] };

const base: GeminiModel = {
  version: "",
  displayName: "",
  task: "generate",
  inputTokens: 1_048_576,
  outputTokens: 8_192,
  thinking: { by: "none" },
  signatures: "none",
  callIds: false,
  combines: false,
};

const gemini25: GeminiModel = { ...base, outputTokens: 65_536, signatures: "given" };
const gemini3: GeminiModel = {
  ...gemini25,
  thinking: { by: "level", levels: ["MINIMAL", "LOW", "MEDIUM", "HIGH"] },
  signatures: "demanded",
  callIds: true,
  combines: true,
};
const embedding: GeminiModel = { ...base, task: "embed", inputTokens: 2_048, outputTokens: 1 };

const flashBudget: Thinking = {
  by: "budget",
  least: 1,
  most: 24_576,
  canStop: true,
  byDefault: true,
};

const families: readonly (readonly [pattern: string, model: GeminiModel])[] = [
  ["gemini-1\\.5-(?:flash|flash-8b|pro)(?:-latest|-00\\d)?", base],
  ["gemini-2\\.0-flash(?:-lite)?(?:-001|-exp)?", base],
  ["gemini-2\\.5-flash-image(?:-preview)?", { ...base, outputTokens: 32_768 }],
  [
    "gemini-2\\.5-flash-lite(?:-preview-\\d\\d-\\d{4})?|gemini-flash-lite-latest",
    { ...gemini25, thinking: { ...flashBudget, least: 512, byDefault: false } },
  ],
  [
    "gemini-2\\.5-flash(?:-preview-\\d\\d-(?:\\d\\d|\\d{4}))?|gemini-flash-latest",
    { ...gemini25, thinking: flashBudget },
  ],
  [
    "gemini-2\\.5-pro(?:-preview-\\d\\d-\\d\\d)?|gemini-pro-latest",
    {
      ...gemini25,
      thinking: { ...flashBudget, least: 128, most: 32_768, canStop: false },
    },
  ],
  ["gemini-3(?:\\.\\d)?-(?:pro|flash)-image(?:-preview)?", { ...gemini3, outputTokens: 32_768 }],
  ["gemini-3-pro(?:-preview)?", { ...gemini3, thinking: { by: "level", levels: ["LOW", "HIGH"] } }],
  [
    "gemini-3\\.\\d-pro(?:-preview)?(?:-customtools)?",
    { ...gemini3, thinking: { by: "level", levels: ["LOW", "MEDIUM", "HIGH"] } },
  ],
  ["gemini-3(?:\\.\\d)?-flash(?:-lite)?(?:-preview)?", gemini3],
  ["text-embedding-004", { ...embedding, dimensions: 768 }],
  ["gemini-embedding-001", { ...embedding, dimensions: 3_072 }],
  ["gemini-embedding-2(?:-preview)?", { ...embedding, inputTokens: 8_192, dimensions: 3_072 }],
];

const compiled = families.map(
  ([pattern, model]) => [new RegExp(`^(?:${pattern})$`), model] as const,
);

/** What is known of a model, without `models/` before its name; undefined when there is none of that name. */
export function findGeminiModel(name: string): GeminiModel | undefined {
  const found = compiled.find(([pattern]) => pattern.test(name));
  return found && { ...found[1], version: name, displayName: titled(name) };
}

/** A model that a test names itself: it takes and gives what the newest models do, vectors too. */
export const plainGemini = (name: string): GeminiModel => ({
  ...gemini3,
  version: name,
  displayName: name,
  dimensions: 8,
});

const titled = (name: string): string =>
  name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) =>
    dash === "" ? letter.toUpperCase() : ` ${letter.toUpperCase()}`,
  );

/** What `GET /v1beta/models` lists. */
export const geminiModelNames: readonly string[] = [
  "gemini-2.0-flash",
  "gemini-2.5-flash",
  "gemini-2.5-flash-lite",
  "gemini-2.5-pro",
  "gemini-2.5-flash-image",
  "gemini-3-flash-preview",
  "gemini-3-pro-preview",
  "gemini-3.1-pro-preview",
  "gemini-3.5-flash",
  "gemini-3.6-flash",
  "gemini-embedding-001",
  "gemini-embedding-2",
];
