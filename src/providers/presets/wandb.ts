// W&B Inference.
import { defineCompatible } from "../compatible.ts";

export const wandb = defineCompatible({
  id: "wandb",
  label: "W&B Inference",
  docs: "https://docs.wandb.ai/inference/api-reference",
  env: ["WANDB_API_KEY"],
  baseUrl: "https://api.inference.wandb.ai/v1",
});
