// `secrets`: keys and tokens that can be told by their own form.
import { compilePattern } from "../../lib/pattern-scan.ts";
import type { SecretKind } from "../../config/guardrails.ts";
import type { Check } from "../guardrail.ts";
import { createMatcher, type MatcherKind } from "../matcher.ts";

/** `kinds`: which of them. */
export function secretsCheck(kinds: readonly SecretKind[]): Check {
  const wanted = kinds.flatMap(matchersOf);
  return { by: "match", matchers: () => wanted.map(createMatcher) };
}

const sources: Readonly<Record<SecretKind, readonly string[]>> = {
  // OpenAI, Anthropic, OpenRouter, DeepSeek; Groq, xAI, Google, Hugging Face, Replicate, Perplexity, Fireworks, Cerebras.
  llm_key: [
    String.raw`\bsk-[A-Za-z0-9_-]{20,}`,
    String.raw`\b(?:gsk_|xai-|hf_|r8_|pplx-|fw_|csk-|nvapi-|tgp_v1_)[A-Za-z0-9_-]{20,}`,
    String.raw`\bAIza[A-Za-z0-9_-]{35}`,
  ],
  aws_key: [
    String.raw`\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b`,
    String.raw`(?i)aws_?secret_?(?:access_?)?key['"]?\s*[:=]+\s*['"]?[a-z0-9/+]{40}`,
  ],
  platform_token: [
    // GitHub, GitLab, Slack, Stripe, SendGrid, npm, PyPI, Docker Hub, Google OAuth, Telegram.
    String.raw`\bgh[opsur]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{22,}|\bglpat-[A-Za-z0-9_-]{20,}`,
    String.raw`\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}`,
    String.raw`\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}`,
    String.raw`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`,
    String.raw`\bnpm_[A-Za-z0-9]{36}|\bpypi-[A-Za-z0-9_-]{32,}|\bdckr_pat_[A-Za-z0-9_-]{20,}`,
    String.raw`\bya29\.[A-Za-z0-9_-]{20,}|\b\d{8,10}:AA[A-Za-z0-9_-]{32,}`,
  ],
  private_key: [
    String.raw`-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?`,
  ],
  jwt: [String.raw`\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`],
};

const matchersOf = (kind: SecretKind): MatcherKind[] =>
  sources[kind].map((source) => ({ kind, program: compilePattern(source), folding: "plain" }));
