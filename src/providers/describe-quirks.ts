// What providers do differently, in words: for the page of providers, and a page of its own.
import type { Quirks } from "../dialects/dialect.ts";
import type { Provider } from "./provider.ts";

/** One quirk. Rows of the page are in this order. */
interface Described<Value> {
  /** What it means for a request. */
  does: string;
  /** What becomes of a body that would be relayed otherwise. */
  relayed: "edited" | "translated" | "as it is";
  /** A provider's value, in a line each. */
  show(value: Value): string[];
}

type AllDescribed = { [Name in keyof Required<Quirks>]: Described<NonNullable<Quirks[Name]>> };

const quoted = (fields: readonly string[]): string =>
  fields.map((field) => `\`${field}\``).join(", ");

const range = ({ min, max }: { min?: number; max?: number }): string =>
  [
    ...(min === undefined ? [] : [`at least ${min}`]),
    ...(max === undefined ? [] : [`at most ${max}`]),
  ].join(", ");

const when = (line: string) => (): string[] => [line];

/** Every quirk there is: one that is not described does not compile. */
const described: AllDescribed = {
  maxTokensField: {
    does: "The output limit is `max_tokens` or `max_completion_tokens`. In relayed bodies it is renamed for OpenAI's reasoning models, and where a provider knows only `max_tokens`.",
    relayed: "edited",
    show: (field) => [`takes the output limit as \`${field}\``],
  },
  usageInStream: {
    does: "Streams are made to report usage by `stream_options.include_usage`, or do so unasked, or never do.",
    relayed: "edited",
    show: (how) =>
      how === "always"
        ? ["streams report usage without being asked"]
        : how === "never"
          ? ["streams do not report usage"]
          : [],
  },
  systemRole: {
    does: "The role of system text. Where it is `system`, a body with `developer` is not relayed.",
    relayed: "translated",
    show: (role) => [`system text has the role \`${role}\``],
  },
  noJsonSchema: {
    does: "No JSON schema is enforced: it is asked for as a tool call and checked, or told in words.",
    relayed: "translated",
    show: when("structured output without a schema (`json_object`) only"),
  },
  cacheControl: {
    does: "`cache_control` is kept in parts and tools; elsewhere it is dropped with a warning.",
    relayed: "as it is",
    show: when("honours `cache_control` in chat parts"),
  },
  reasoningField: {
    does: "Reasoning of earlier turns goes back to the model that made it, in this field; without the quirk it stays out.",
    relayed: "as it is",
    show: (field) => [`takes earlier reasoning back as \`${field}\``],
  },
  refusesReasoning: {
    does: "A body with fields that show reasoning is refused: it is translated, which leaves them out.",
    relayed: "translated",
    show: when("refuses messages that show reasoning"),
  },
  reasoningRequest: {
    does: "`reasoning_effort` becomes the provider's own field: `thinking`, `enable_thinking` with `thinking_budget`, or `reasoning`.",
    relayed: "edited",
    show: (field) => [`reasoning is asked for by \`${field}\``],
  },
  reasoningEfforts: {
    does: "Another effort becomes the nearest of these. With a field of its own for reasoning, the provider takes both.",
    relayed: "edited",
    show: (words) => [`\`reasoning_effort\` is one of ${quoted(words)}`],
  },
  reasoningPart: {
    does: "Reasoning is a part of the content, both ways.",
    relayed: "as it is",
    show: (type) => [`reasoning is a \`${type}\` part of the content`],
  },
  accepts: {
    does: "Every other field at the top level is dropped.",
    relayed: "edited",
    show: (fields) => [`takes no fields but ${quoted(fields)}`],
  },
  drop: {
    does: "The fields are dropped.",
    relayed: "edited",
    show: (fields) => [`refuses ${quoted(fields)}: dropped with a warning`],
  },
  dropFor: {
    does: "The fields are dropped for these models.",
    relayed: "edited",
    show: (rules) =>
      rules.map(({ models, fields }) => `models \`${models}\` refuse ${quoted(fields)}`),
  },
  rename: {
    does: "The field goes out under the other name. No warning: nothing is lost.",
    relayed: "edited",
    show: (names) => Object.entries(names).map(([from, to]) => `\`${from}\` is \`${to}\` there`),
  },
  clamp: {
    does: "Numbers outside the bounds become the nearest bound.",
    relayed: "edited",
    show: (bounds) => Object.entries(bounds).map(([name, bound]) => `\`${name}\`: ${range(bound)}`),
  },
  maxStop: {
    does: "Only the first stop sequences are sent.",
    relayed: "edited",
    show: (most) => [`at most ${most} stop sequences`],
  },
  dropMessageFields: {
    does: "The fields are left out of messages. A refusal then is plain text.",
    relayed: "translated",
    show: (fields) => [`refuses ${quoted(fields)} in messages`],
  },
  acceptsMessageFields: {
    does: "Every other field is left out of messages, by role.",
    relayed: "translated",
    show: (roles) => [
      `messages have no fields but ${Object.entries(roles)
        .map(([role, fields]) => `${role}: ${quoted(fields)}`)
        .join("; ")}`,
    ],
  },
  toolCallIdLength: {
    does: "Ids of another form become short ones: the same id always the same one, in calls and results. Answers keep the provider's own.",
    relayed: "translated",
    show: (length) => [`ids of tool calls are ${length} letters and digits`],
  },
  toolChoices: {
    does: "Another choice becomes the first of these; `none` is said by leaving the tools out.",
    relayed: "edited",
    show: (choices) => [`tool choices: ${quoted(choices)}`],
  },
  requiredToolChoice: {
    does: "The word for a demand that some tool be called.",
    relayed: "edited",
    show: (word) => [`\`tool_choice: required\` is \`${word}\` there`],
  },
  plainTools: {
    does: "Tools are functions with parameters: free-form tools become functions with one string.",
    relayed: "translated",
    show: when("tools are functions with parameters, nothing else"),
  },
  prefillField: {
    does: "An assistant's message at the end gets this field, so that the answer goes on from it. Without the quirk the client is warned.",
    relayed: "translated",
    show: (field) => [`an answer is continued by \`${field}\``],
  },
  echoesPrefill: {
    does: "An answer that goes on from an assistant's message begins with that message: translated answers do not.",
    relayed: "as it is",
    show: when("an answer that goes on repeats its beginning"),
  },
  noUserAfterTool: {
    does: "Between a tool's result and the user's next words the assistant says `OK`.",
    relayed: "translated",
    show: when("refuses a user's message right after a tool's result"),
  },
  systemFirst: {
    does: "Later system messages are sent as the user's.",
    relayed: "translated",
    show: when("takes system messages at the beginning only"),
  },
  refusesEmptyTurns: {
    does: "An assistant's message with neither text nor calls is left out.",
    relayed: "translated",
    show: when("refuses an assistant's message without content"),
  },
  filePart: {
    does: "Files are shown in this kind of part.",
    relayed: "translated",
    show: (type) => [`files are \`${type}\` parts`],
  },
  imageDetails: {
    does: "Another `detail` of a picture is left out.",
    relayed: "translated",
    show: (details) => [`\`detail\` of pictures is one of ${quoted(details)}`],
  },
  refusesSdkFields: {
    does: "`parsed` and `parsed_arguments`, which OpenAI's SDKs add to answers, are cut out when they come back.",
    relayed: "edited",
    show: when("refuses what OpenAI's SDKs add to answers"),
  },
  keepsPrivate: {
    does: "`safeguards`, which tells of the client's machine, is kept: it is the client's own vendor.",
    relayed: "as it is",
    show: when("keeps `safeguards`, which all others are not sent"),
  },
  refusesEmptyTools: {
    does: "An empty `tools` is left out, with `tool_choice` and `parallel_tool_calls`.",
    relayed: "edited",
    show: when("refuses an empty list of tools"),
  },
  rerankResults: {
    does: "The member of a rerank answer that holds the results.",
    relayed: "as it is",
    show: (name) => [`rerank results stand in \`${name}\``],
  },
  embeddings: {
    does: "Fields of embeddings bodies under their names here.",
    relayed: "as it is",
    show: ({ dtype, purpose, truncation, maxInputs }) => [
      ...(dtype ? [`embeddings: the kind of numbers is \`${dtype}\``] : []),
      ...(purpose ? [`embeddings: the purpose is \`${purpose.field}\``] : []),
      ...(truncation ? [`embeddings: \`${truncation}\` shortens long inputs`] : []),
      ...(maxInputs === undefined ? [] : [`embeddings: at most ${maxInputs} inputs in a request`]),
    ],
  },
  rerank: {
    does: "Documents may be objects; how many there may be.",
    relayed: "as it is",
    show: ({ objects, maxInputs }) => [
      ...(objects ? ["rerank: documents may be objects"] : []),
      ...(maxInputs === undefined ? [] : [`rerank: at most ${maxInputs} documents in a request`]),
    ],
  },
};

const namesOf = (quirks: Quirks): (keyof Quirks)[] =>
  (Object.keys(described) as (keyof Quirks)[]).filter((name) => quirks[name] !== undefined);

/** What one provider does differently, in a line each. */
export const quirkLines = (quirks: Quirks): string[] =>
  namesOf(quirks).flatMap((name) => show(name, quirks[name]));

function show<Name extends keyof Quirks>(name: Name, value: Quirks[Name]): string[] {
  return value === undefined || value === null ? [] : described[name].show(value);
}

/** Markdown of `docs/parameters.md`. */
export function renderParameters(providers: readonly Provider[]): string {
  return `# Parameters

${intro}

## Quirks

*Relayed* says what becomes of a body in the client's own wire: **edited**, only the bytes of that field change; **translated**, the body is read and written anew where it breaks the rule, and relayed where it does not; **as it is**, nothing is done.

| quirk | what becomes of a request | relayed | providers |
| --- | --- | --- | --- |
${(Object.keys(described) as (keyof Quirks)[]).map((name) => row(name, providers)).join("\n")}

## By provider

Providers that are not here take OpenAI's fields as they are.

| provider | quirk | there |
| --- | --- | --- |
${providers.flatMap(providerRows).join("\n")}
`;
}

const intro = `<!-- Made by \`bun run generate\` from src/providers. Do not edit. -->

A request in the provider's own wire goes through byte for byte; any other is translated. Either way a provider may take less than the client asks for. What it is known to take is data (\`quirks\` in src/providers), and the gateway acts by it:

- Whatever is left out or changed is told in the header \`x-megallm-warnings\` and in the usage row; with \`unsupported: error\` such a request is refused instead, with \`unsupported: drop\` nothing is said.
- Who says what of \`unsupported\`: the request (\`x-megallm-unsupported\`), else its key, the deployment, the route, the general setting.
- \`allow_params\` lets fields through whatever is known, \`drop_params\` removes some, \`extra_body\` adds some: see [configuration](configuration.md).
- A field that says what is so without it (\`n: 1\`, \`logprobs: false\`, \`null\`) is left out without a word.
- An empty list of tools is left out of translated bodies; of relayed ones only where the provider refuses it (\`refusesEmptyTools\`).

JSON Schemas of tools and answers from other wires are written in the usual spelling: types in lower case, no \`$schema\`.`;

const providerRows = ({ id, quirks }: Provider): string[] =>
  namesOf(quirks).flatMap((name) =>
    show(name, quirks[name]).map((line) => `| \`${id}\` | \`${name}\` | ${cell(line)} |`),
  );

function row(name: keyof Quirks, providers: readonly Provider[]): string {
  const { does, relayed } = described[name];
  const having = providers.filter(({ quirks }) => show(name, quirks[name]).length > 0);
  const list = having.map(({ id }) => `\`${id}\``).join(", ") || "none";
  return `| \`${name}\` | ${cell(does)} | ${relayed} | ${list} |`;
}

/** A text in a table: a bar would end the cell. */
const cell = (text: string): string => text.replaceAll("|", "\\|");
