// StepFun.
import { defineCompatible } from "../compatible.ts";

export const stepfun = defineCompatible({
  id: "stepfun",
  label: "StepFun",
  docs: "https://platform.stepfun.com/docs/api-reference/chat/chat-completion-create",
  env: ["STEPFUN_API_KEY"],
  baseUrl: "https://api.stepfun.com/v1",
  openai: ["chat", "images", "speech", "transcriptions"],
});
