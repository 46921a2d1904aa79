// Black Forest Labs: a wire of its own, by pass-through.
import { apiKeyHeader } from "../auth/api-key-header.ts";
import { defineCompatible } from "../compatible.ts";

export const bfl = defineCompatible({
  id: "bfl",
  label: "Black Forest Labs",
  docs: "https://docs.bfl.ai/quick_start/generating_images",
  env: ["BFL_API_KEY"],
  baseUrl: "https://api.bfl.ai/v1",
  openai: [],
  modelsUrl: null,
  authorize: apiKeyHeader("x-key"),
});
