// Heroku Inference.
import { defineCompatible } from "../compatible.ts";

export const heroku = defineCompatible({
  id: "heroku",
  label: "Heroku Inference",
  docs: "https://devcenter.heroku.com/articles/heroku-inference-api-v1-chat-completions",
  env: ["HEROKU_INFERENCE_KEY", "INFERENCE_KEY"],
  baseUrl: "https://us.inference.heroku.com/v1",
  openai: ["chat", "embeddings", "images"],
  rerank: true,
  modelsUrl: "/available-models",
});
