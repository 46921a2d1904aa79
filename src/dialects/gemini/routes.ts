// Every path of this wire: the model is in it, and so is whether the answer is streamed.
// https://ai.google.dev/api/all-methods, https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest
import type { DialectRoute } from "../dialect.ts";

const vertexModels = "publishers/google/models";

/** What stands before the model's name. */
const collections = [
  "/v1beta/models",
  "/v1/models",
  "/v1alpha/models",
  "/models",
  "/v1beta/tunedModels",
  ...["/v1beta1", "/v1"].flatMap((version) => [
    `${version}/${vertexModels}`,
    `${version}/projects/{project}/locations/{location}/${vertexModels}`,
  ]),
  // The AI SDK takes a name with a slash for a whole path. Last: it matches what stands before it, too.
  "/v1beta",
];

type Method = Pick<DialectRoute, "operation" | "stream" | "form"> & { name: string };

const methods: readonly Method[] = [
  { name: "generateContent", operation: "chat", stream: false },
  { name: "streamGenerateContent", operation: "chat", stream: true },
  { name: "countTokens", operation: "count-tokens", stream: false },
  { name: "embedContent", operation: "embeddings", stream: false, form: "single" },
  { name: "batchEmbedContents", operation: "embeddings", stream: false, form: "batch" },
];

export const routes: readonly DialectRoute[] = collections.flatMap((collection) =>
  methods.map(({ name, ...method }) => ({
    method: "POST" as const,
    path: `${collection}/{model}:${name}`,
    ...method,
  })),
);
