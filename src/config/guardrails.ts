// The guardrails of the configuration: what they look for, when they run, what is done about what they find.
import type { Pattern } from "../lib/pattern.ts";
import type { JsonObject } from "../lib/json.ts";
import type { Secret } from "../lib/secret.ts";
import type { ParsedGuardrail } from "./schema-guardrails.ts";

export type PiiKind = "email" | "phone" | "credit_card" | "iban" | "us_ssn" | "ip_address";
export type SecretKind = "llm_key" | "aws_key" | "platform_token" | "private_key" | "jwt";

/** What one looks for. */
export type GuardrailOptions =
  | { readonly type: "regex"; readonly patterns: readonly string[] }
  | { readonly type: "words"; readonly words: readonly string[]; readonly anywhere: boolean }
  | { readonly type: "pii"; readonly kinds: readonly PiiKind[] }
  | { readonly type: "secrets"; readonly kinds: readonly SecretKind[] }
  | { readonly type: "length"; readonly maxCharacters?: number; readonly maxTokens?: number }
  | { readonly type: "json_schema"; readonly schema: JsonObject }
  | {
      readonly type: "webhook";
      readonly url: Secret;
      /** What requests are signed with. */
      readonly secret?: Secret;
      readonly timeoutMs: number;
      readonly onError: "block" | "allow";
    };

export interface GuardrailSettings {
  readonly name: string;
  readonly mode: "input" | "output" | "both";
  readonly action: "block" | "mask" | "log";
  /** It runs for every request. */
  readonly defaultOn: boolean;
  /** What callers are told; absent: the general words. */
  readonly message?: string;
  /** Stands in the place of what is masked; absent: the kind in brackets. */
  readonly replacement?: string;
  /** What becomes of requests that hold something it cannot read. */
  readonly unreadable: "block" | "allow";
  readonly options: GuardrailOptions;
}

/** Guardrails in the order of the file. */
export const readGuardrails = (
  written: Readonly<Record<string, ParsedGuardrail>>,
): ReadonlyMap<string, GuardrailSettings> =>
  new Map(
    Object.entries(written).map(([name, entry]) => [
      name,
      {
        name,
        mode: entry.mode ?? (entry.type === "json_schema" ? "output" : "both"),
        action: entry.action,
        defaultOn: entry.default_on,
        ...(entry.message !== undefined && { message: entry.message }),
        ...(entry.replacement !== undefined && { replacement: entry.replacement }),
        unreadable: entry.unreadable ?? (entry.action === "block" ? "block" : "allow"),
        options: optionsOf(entry),
      },
    ]),
  );

/** What must be there is: the schema has refused everything else. */
function optionsOf(entry: ParsedGuardrail): GuardrailOptions {
  const { type } = entry;
  switch (type) {
    case "regex":
      return { type, patterns: sourcesOf(entry.patterns) };
    case "words":
      return { type, words: entry.words ?? [], anywhere: entry.anywhere ?? false };
    case "pii":
      return { type, kinds: onlyOf(piiKinds, entry.kinds) };
    case "secrets":
      return { type, kinds: onlyOf(secretKinds, entry.kinds) };
    case "length":
      return {
        type,
        ...(entry.max_characters !== undefined && { maxCharacters: entry.max_characters }),
        ...(entry.max_tokens !== undefined && { maxTokens: entry.max_tokens }),
      };
    case "json_schema":
      return { type, schema: entry.schema ?? {} };
    case "webhook": {
      const { url, secret, timeout = defaultTimeoutMs, on_error: onError = "block" } = entry;
      if (!url) throw new TypeError("a webhook without its URL passed the schema");
      return { type, url, ...(secret && { secret }), timeoutMs: timeout, onError };
    }
    default:
      return type satisfies never;
  }
}

const defaultTimeoutMs = 5_000;

const sourcesOf = (patterns: readonly Pattern[] = []): string[] =>
  patterns.map(({ source }) => source);

export const piiKinds: readonly PiiKind[] = [
  "email",
  "phone",
  "credit_card",
  "iban",
  "us_ssn",
  "ip_address",
];
export const secretKinds: readonly SecretKind[] = [
  "llm_key",
  "aws_key",
  "platform_token",
  "private_key",
  "jwt",
];

/** Those that are named, or all. */
const onlyOf = <Kind extends string>(
  all: readonly Kind[],
  named: readonly string[] | undefined,
): readonly Kind[] => (named ? all.filter((kind) => named.includes(kind)) : all);
