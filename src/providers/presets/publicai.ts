// Public AI.
import { defineCompatible } from "../compatible.ts";

export const publicai = defineCompatible({
  id: "publicai",
  label: "Public AI",
  docs: "https://platform.publicai.co/docs",
  env: ["PUBLICAI_API_KEY"],
  baseUrl: "https://api.publicai.co/v1",
  unverified: true,
});
