// Baseten Model APIs.
import { defineCompatible } from "../compatible.ts";

export const baseten = defineCompatible({
  id: "baseten",
  label: "Baseten Model APIs",
  docs: "https://docs.baseten.co/development/model-apis/overview",
  env: ["BASETEN_API_KEY"],
  baseUrl: "https://inference.baseten.co/v1",
});
