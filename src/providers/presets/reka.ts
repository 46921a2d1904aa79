// Reka.
import { defineCompatible } from "../compatible.ts";

export const reka = defineCompatible({
  id: "reka",
  label: "Reka",
  docs: "https://docs.reka.ai/",
  env: ["REKA_API_KEY"],
  baseUrl: "https://api.reka.ai/v1",
  unverified: true,
});
