// Every SDK that the tests drive.
import { aiBedrock, aiGoogle } from "./ai-sdk.ts";
import { bedrockSdk, vertexSdk } from "./anthropic-family.ts";
import { awsConverse, awsInvoke } from "./aws.ts";
import type { Sdk } from "./sdk.ts";
import { cohereSdk, googleBeta, googleFirst, ollamaSdk, responsesSdk } from "./vendors.ts";

export const sdks: readonly Sdk[] = [
  responsesSdk,
  googleBeta,
  googleFirst,
  ollamaSdk,
  cohereSdk,
  awsConverse,
  awsInvoke,
  bedrockSdk,
  vertexSdk,
  aiGoogle,
  aiBedrock,
];
