// Amazon SageMaker: an endpoint whose container takes OpenAI's chat bodies (vLLM, LMI). Models are endpoint names.
import type { Envelope } from "../../dialects/envelope.ts";
import { payloadParts } from "../../lib/payload-parts.ts";
import { awsAuth, awsRegion, awsSettings } from "../auth/aws.ts";
import type { Provider } from "../provider.ts";

/** https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html */
const sagemakerInvoke: Envelope = { id: "sagemaker-invoke", omits: [], framing: payloadParts };

export const sagemaker: Provider = {
  id: "sagemaker",
  label: "Amazon SageMaker",
  docs: "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html",
  env: [],
  baseUrl: "https://runtime.sagemaker.{region}.amazonaws.com",
  urlSettings: { region: awsRegion },
  authSettings: awsSettings,
  keyless: true,
  speaks: {
    chat: [
      {
        dialect: "openai-chat",
        path: "/endpoints/{model}/invocations",
        streamPath: "/endpoints/{model}/invocations-response-stream",
        envelope: sagemakerInvoke,
      },
    ],
  },
  authorize: awsAuth("sagemaker"),
  modelsUrl: null,
  quirks: {},
};
