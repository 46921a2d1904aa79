// LiteLLM's `guardrails`: rules become rules, services are told.
import { expect, test } from "bun:test";
import { parseText } from "../../../src/config/document.ts";
import { litellm } from "../../../src/import/litellm.ts";
import { importConfig } from "../../../src/import/run.ts";
import { providers } from "../../../src/providers/index.ts";

const source = `
model_list:
  - model_name: gpt
    litellm_params: { model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY }
guardrails:
  - guardrail_name: personal
    litellm_params:
      guardrail: presidio
      mode: pre_call
      default_on: true
      presidio_language: en
      pii_entities_config: { EMAIL_ADDRESS: MASK, IBAN_CODE: MASK, PERSON: MASK }
  - guardrail_name: keys
    litellm_params: { guardrail: hide-secrets, mode: [pre_call, post_call] }
  - guardrail_name: mixed
    litellm_params: { guardrail: presidio, mode: post_call, pii_entities_config: { US_SSN: MASK, CREDIT_CARD: BLOCK } }
  - guardrail_name: theirs
    litellm_params: { guardrail: lakera_v2, mode: during_call, api_key: os.environ/LAKERA }
`;

test("what is a rule is carried, and the rest is told", () => {
  const { report, text, problems } = importConfig(source, litellm, {
    presets: providers,
    keepSecrets: false,
    command: "megallm import litellm",
  });
  expect(problems).toEqual([]);
  expect(parseText(text).value).toMatchObject({
    guardrails: {
      personal: {
        type: "pii",
        kinds: ["email", "iban"],
        action: "mask",
        mode: "input",
        default_on: true,
      },
      keys: { type: "secrets", action: "mask" },
    },
  });
  const outcomes = new Map(report.map(({ source: key, outcome }) => [key, outcome]));
  expect(outcomes.get("guardrails[0].guardrail_name")).toBe("carried");
  expect(outcomes.get("guardrails[0].litellm_params.pii_entities_config.PERSON")).toBe(
    "not_carried",
  );
  expect(outcomes.get("guardrails[2].guardrail_name")).toBe("not_carried");
  expect(outcomes.get("guardrails[3].litellm_params.guardrail")).toBe("not_carried");
});
