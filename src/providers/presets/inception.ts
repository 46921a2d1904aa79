// Inception.
import { defineCompatible } from "../compatible.ts";

export const inception = defineCompatible({
  id: "inception",
  label: "Inception",
  docs: "https://docs.inceptionlabs.ai/get-started/get-started",
  env: ["INCEPTION_API_KEY"],
  baseUrl: "https://api.inceptionlabs.ai/v1",
});
