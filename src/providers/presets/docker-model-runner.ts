// Docker Model Runner, on this machine.
import { defineCompatible } from "../compatible.ts";

export const dockerModelRunner = defineCompatible({
  id: "docker_model_runner",
  label: "Docker Model Runner",
  docs: "https://docs.docker.com/ai/model-runner/api-reference/",
  baseUrl: "http://127.0.0.1:12434/engines/v1",
  openai: ["chat", "embeddings", "completions"],
  local: true,
});
