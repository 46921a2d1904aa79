// Crusoe.
import { defineCompatible } from "../compatible.ts";

export const crusoe = defineCompatible({
  id: "crusoe",
  label: "Crusoe",
  docs: "https://docs.crusoecloud.com/",
  env: ["CRUSOE_API_KEY"],
  baseUrl: "https://api.inference.crusoecloud.com/v1",
  unverified: true,
});
