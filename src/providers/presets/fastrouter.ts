// FastRouter.
import { defineCompatible } from "../compatible.ts";

export const fastrouter = defineCompatible({
  id: "fastrouter",
  label: "FastRouter",
  docs: "https://docs.fastrouter.ai/",
  env: ["FASTROUTER_API_KEY"],
  baseUrl: "https://go.fastrouter.ai/api/v1",
  unverified: true,
});
