// Nscale.
import { defineCompatible } from "../compatible.ts";

export const nscale = defineCompatible({
  id: "nscale",
  label: "Nscale",
  docs: "https://docs.nscale.com/docs/inference/chat",
  env: ["NSCALE_API_KEY"],
  baseUrl: "https://inference.api.nscale.com/v1",
  openai: ["chat", "images"],
});
