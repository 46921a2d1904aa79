// Guardrails as users write them: one map by name, each of a type with settings of its own.
import { z } from "zod";
import { createPattern } from "../lib/pattern.ts";
import { PatternError } from "../lib/pattern-syntax.ts";
import { Secret } from "../lib/secret.ts";
import { jsonSchemaFault } from "./json-schema-fault.ts";
import { field } from "./field.ts";
import { piiKinds, secretKinds } from "./guardrails.ts";
import { webhookFault } from "./schema-alerts.ts";
import { durationMs, flag, keyName, serverSecret, whole } from "./schema-values.ts";

const pattern = z
  .string()
  .min(1, "the pattern is empty")
  .transform((source, context) => {
    try {
      return createPattern(source);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });

const webhookUrl = z
  .string()
  .superRefine((text, context) => {
    const message = webhookFault(text);
    if (message !== null) context.addIssue({ code: "custom", message });
  })
  .transform((text) => new Secret(text));

const types = ["regex", "words", "pii", "secrets", "length", "json_schema", "webhook"] as const;
type Type = (typeof types)[number];

/** Which fields each type has besides those that all have. */
const fieldsOf = {
  regex: ["patterns", "replacement"],
  words: ["words", "anywhere", "replacement"],
  pii: ["kinds", "replacement"],
  secrets: ["kinds", "replacement"],
  length: ["max_characters", "max_tokens"],
  json_schema: ["schema"],
  webhook: ["url", "secret", "timeout", "on_error"],
} as const satisfies Record<Type, readonly string[]>;

const own: ReadonlySet<string> = new Set(Object.values(fieldsOf).flat());
const required: Partial<Record<Type, string>> = {
  regex: "patterns",
  words: "words",
  json_schema: "schema",
  webhook: "url",
};
const maskable: ReadonlySet<Type> = new Set(["regex", "words", "pii", "secrets"]);

const only = (type: Type) => ({ defaultText: `none; for \`${type}\`` });

export const guardrail = z
  .strictObject({
    type: field(
      z.enum(types),
      "What it looks for. `regex`: patterns. `words`: words and phrases, however they are spelt. `pii`: what tells of a person. `secrets`: keys and tokens. `length`: too much text. `json_schema`: answers that do not fit a schema. `webhook`: asks another server.",
      "pii",
    ),
    mode: field(
      z.enum(["input", "output", "both"]).optional(),
      "What it looks at: requests, answers, or both.",
      "input",
      { defaultText: "`both`; `output` for `json_schema`" },
    ),
    action: field(
      z.enum(["block", "mask", "log"]).default("block"),
      "What is done about what it finds. `block`: the request is refused, the answer withheld. `mask`: it is replaced. `log`: it is told in the log and the usage row. A `webhook` decides itself between the first two.",
      "mask",
    ),
    default_on: field(
      flag.default(false),
      "It runs for every request. Otherwise it runs where a route, a key or the request itself names it.",
      true,
    ),
    message: field(
      z
        .string()
        .min(1, "the text is empty")
        .max(500)
        .regex(/^[^\p{Cc}]*$/u, "a message is one line")
        .optional(),
      "What callers are told when it blocks.",
      "Please leave personal data out.",
      { defaultText: "that a guardrail blocked it" },
    ),
    unreadable: field(
      z.enum(["block", "allow"]).optional(),
      "What becomes of requests of which something cannot be read as text (a PDF, a body of unknown form). Media for image, speech and transcription models pass.",
      "allow",
      { defaultText: "`block` where `action` is `block`, else `allow`" },
    ),
    replacement: field(
      z.string().max(200).optional(),
      "What stands in the place of what is masked.",
      "***",
      { defaultText: "its kind in brackets, e.g. `[email]`" },
    ),
    patterns: field(
      z.array(pattern).min(1, "the list is empty").max(100, "100 patterns at most").optional(),
      "Regular expressions; `(?i)` at the beginning of one ignores case. Backreferences and lookaround are not known, so that no text can make one slow.",
      [String.raw`(?i)project[ -]zebra`],
      only("regex"),
    ),
    words: field(
      z
        .array(
          z
            .string()
            .max(200, "a word has at most 200 characters")
            .refine((word) => word.trim() !== "", { error: "the word is empty" }),
        )
        .min(1, "the list is empty")
        .max(5_000, "5000 words at most")
        .optional(),
      "Words and phrases. Case, accents, width, look-alike letters of other scripts and signs that nobody sees make no difference.",
      ["zebra", "blue whale"],
      only("words"),
    ),
    anywhere: field(flag.optional(), "Finds words within longer ones, too.", true, {
      defaultText: "false; for `words`",
    }),
    kinds: field(
      z
        .array(z.enum([...piiKinds, ...secretKinds]))
        .min(1, "the list is empty")
        .optional(),
      "Which kinds are looked for.",
      ["email", "credit_card"],
      { defaultText: "all of the type's; for `pii` and `secrets`" },
    ),
    max_characters: field(
      whole(1, 1_000_000_000).optional(),
      "Most characters of text.",
      20_000,
      only("length"),
    ),
    max_tokens: field(
      whole(1, 1_000_000_000).optional(),
      "Most tokens of text, by rule of thumb.",
      8_000,
      only("length"),
    ),
    schema: field(
      z
        .record(z.string(), z.json())
        .superRefine((schema, context) => {
          const message = jsonSchemaFault(schema);
          if (message !== null) context.addIssue({ code: "custom", message });
        })
        .optional(),
      "JSON Schema that the text of a chat's answer must fit.",
      { type: "object", required: ["answer"] },
      only("json_schema"),
    ),
    url: field(
      webhookUrl.optional(),
      "Where texts are posted to for a verdict. Redirects are not followed. Addresses of your own network are taken, since it is you who wrote this one.",
      "https://guard.example.com/check",
      { secret: true, ...only("webhook") },
    ),
    secret: field(
      serverSecret.optional(),
      "What requests to the webhook are signed with (HMAC-SHA256), as alerts are: see docs/keys.md.",
      "${MEGALLM_GUARD_SECRET}",
      { secret: true, ...only("webhook") },
    ),
    timeout: field(durationMs.optional(), "How long the webhook may take.", "2s", {
      defaultText: "`5s`; for `webhook`",
    }),
    on_error: field(
      z.enum(["block", "allow"]).optional(),
      "What becomes of requests and answers when the webhook gives no verdict.",
      "allow",
      { defaultText: "`block`; for `webhook`" },
    ),
  })
  .superRefine((entry, context) => {
    const { type, action, mode, kinds } = entry;
    const problem = (name: string, message: string): void =>
      context.addIssue({ code: "custom", path: [name], message });
    const mine: readonly string[] = fieldsOf[type];
    for (const [name, value] of Object.entries(entry)) {
      if (value !== undefined && own.has(name) && !mine.includes(name)) {
        problem(name, `a guardrail of \`type: ${type}\` has no \`${name}\``);
      }
    }
    const missing = required[type];
    if (missing !== undefined && entry[missing as keyof typeof entry] === undefined) {
      problem("type", `a guardrail of \`type: ${type}\` needs \`${missing}\``);
    }
    if (type === "length" && entry.max_characters === undefined && entry.max_tokens === undefined) {
      problem("type", "a guardrail of `type: length` needs `max_characters` or `max_tokens`");
    }
    if (action === "mask" && !maskable.has(type) && type !== "webhook") {
      problem(
        "action",
        `\`type: ${type}\` finds nothing that could be masked: \`block\` or \`log\``,
      );
    }
    if (type === "json_schema" && mode !== undefined && mode !== "output") {
      problem("mode", "`type: json_schema` looks at answers: `mode: output`");
    }
    const known: readonly string[] = type === "pii" ? piiKinds : secretKinds;
    for (const kind of type === "pii" || type === "secrets" ? (kinds ?? []) : []) {
      if (!known.includes(kind)) problem("kinds", `\`type: ${type}\` knows ${known.join(", ")}`);
    }
  });

export type ParsedGuardrail = z.output<typeof guardrail>;

export const guardrails = z.record(keyName, guardrail);

/** Names of guardrails, where routes and keys refer to them. */
export const guardrailNames = z.array(keyName).max(100, "100 guardrails at most");
