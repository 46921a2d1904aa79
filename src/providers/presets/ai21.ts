// AI21.
import { defineCompatible } from "../compatible.ts";

export const ai21 = defineCompatible({
  id: "ai21",
  label: "AI21",
  docs: "https://docs.ai21.com/",
  env: ["AI21_API_KEY"],
  baseUrl: "https://api.ai21.com/studio/v1",
});
