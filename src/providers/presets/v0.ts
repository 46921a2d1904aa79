// Vercel v0.
import { defineCompatible } from "../compatible.ts";

export const v0 = defineCompatible({
  id: "v0",
  label: "Vercel v0",
  docs: "https://v0.app/docs/api/model",
  env: ["V0_API_KEY"],
  baseUrl: "https://api.v0.dev/v1",
  unverified: true,
});
