// Oracle Cloud Infrastructure Generative AI: its OpenAI-compatible endpoint.
import { ociAuth, ociRegion, ociSettings, ociTraces } from "../auth/oci.ts";
import { defineCompatible } from "../compatible.ts";

export const oci = defineCompatible({
  id: "oci",
  label: "Oracle Cloud Generative AI",
  docs: "https://docs.oracle.com/en-us/iaas/Content/generative-ai/oci-openai.htm",
  env: ["OCI_GENAI_API_KEY"],
  baseUrl: "https://inference.generativeai.{region}.oci.oraclecloud.com/20231130/actions/v1",
  urlSettings: {
    region: {
      description: "OCI region",
      pattern: /^[a-z]{2}-[a-z]+-\d{1,2}$/,
      env: ["OCI_REGION"],
      lookup: ociRegion,
      example: "us-chicago-1",
      default: "us-chicago-1",
    },
  },
  authSettings: ociSettings,
  keyless: true,
  traces: ociTraces,
  responses: true,
  authorize: ociAuth,
  modelsUrl: null,
  unverified: true,
});
