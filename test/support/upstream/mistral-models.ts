// What the models of the Mistral double can and cannot do, as far as requests are judged by it.

export interface MistralModel {
  name: string;
  /** Thinks always, or when it is asked to. */
  reasoning: "always" | "asked" | "never";
  vision: boolean;
  /** Length of vectors; 0 for models that chat. */
  dimensions: number;
  /** Vectors of other lengths. */
  anyDimension: boolean;
}

const chat: Omit<MistralModel, "name"> = {
  reasoning: "never",
  vision: true,
  dimensions: 0,
  anyDimension: false,
};

const families: readonly (readonly [pattern: RegExp, traits: Omit<MistralModel, "name">])[] = [
  [/^magistral-(?:small|medium)(?:-latest|-\d{4})$/, { ...chat, reasoning: "always" }],
  [/^mistral-(?:small|medium)(?:-latest|-\d{4}|-\d(?:[.-]\d)?)?$/, { ...chat, reasoning: "asked" }],
  [/^mistral-large(?:-latest|-\d{4})$/, chat],
  [/^(?:pixtral-(?:12b|large)|ministral-(?:3b|8b|14b))(?:-latest|-\d{4})$/, chat],
  [
    /^(?:mistral-tiny(?:-latest|-\d{4})?|open-mistral-(?:7b|nemo)|open-mixtral-8x(?:7|22)b|(?:labs-)?(?:codestral|devstral)(?:-small|-medium)?(?:-latest|-\d{4}))$/,
    { ...chat, vision: false },
  ],
  [/^mistral-embed(?:-\d{4})?$/, { ...chat, dimensions: 1024 }],
  [/^codestral-embed(?:-\d{4})?$/, { ...chat, dimensions: 1536, anyDimension: true }],
];

/** What is known of a model; undefined when there is none of that name. */
export function findMistralModel(name: string): MistralModel | undefined {
  const found = families.find(([pattern]) => pattern.test(name));
  return found && { ...found[1], name };
}

/** A model that a test names itself. */
export const plainMistralModel = (name: string): MistralModel => ({
  ...chat,
  name,
  reasoning: "asked",
  dimensions: 1024,
});

/** What `GET /v1/models` lists. */
export const mistralModelNames: readonly string[] = [
  "mistral-large-latest",
  "mistral-medium-latest",
  "mistral-small-latest",
  "magistral-medium-latest",
  "pixtral-12b-latest",
  "codestral-latest",
  "mistral-embed",
];
