// GMI Cloud.
import { defineCompatible } from "../compatible.ts";

export const gmi = defineCompatible({
  id: "gmi",
  label: "GMI Cloud",
  docs: "https://docs.gmicloud.ai/",
  env: ["GMI_API_KEY", "GMI_CLOUD_APIKEY"],
  baseUrl: "https://api.gmi-serving.com/v1",
});
