// Clarifai.
import { defineCompatible } from "../compatible.ts";

export const clarifai = defineCompatible({
  id: "clarifai",
  label: "Clarifai",
  docs: "https://docs.clarifai.com/compute/inference/open-ai/",
  env: ["CLARIFAI_API_KEY", "CLARIFAI_PAT"],
  baseUrl: "https://api.clarifai.com/v2/ext/openai/v1",
  unverified: true,
});
