// Hyperbolic.
import { defineCompatible } from "../compatible.ts";

export const hyperbolic = defineCompatible({
  id: "hyperbolic",
  label: "Hyperbolic",
  docs: "https://docs.hyperbolic.xyz/docs/rest-api",
  env: ["HYPERBOLIC_API_KEY"],
  baseUrl: "https://api.hyperbolic.xyz/v1",
  openai: ["chat", "completions"],
});
