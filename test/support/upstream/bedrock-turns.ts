// Amazon's rules for the messages of a conversation, before any model sees them.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { isSeparator, isTextFormat } from "./bedrock-claude.ts";
import type { BedrockModel } from "./bedrock-models.ts";
import { fromModel, malformed, validation } from "./bedrock-wording.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** The first rule that the messages break. */
export function refuseConversation(body: JsonObject, model: BedrockModel): Refusal | undefined {
  const messages = objects(body["messages"]);
  return (
    refuseRoles(messages, model) ??
    refuseContents(messages) ??
    refuseToolOrder(messages) ??
    refuseToolsWithoutConfig(body, messages) ??
    refuseForModel(messages, model)
  );
}

function refuseRoles(messages: readonly JsonObject[], model: BedrockModel): Refusal | undefined {
  const spoken = messages.filter((message) => message["role"] !== "system");
  if (spoken[0]?.["role"] !== "user") {
    return validation(
      "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
    );
  }
  const repeats = spoken.some(
    (message, index) => index > 0 && message["role"] === spoken[index - 1]?.["role"],
  );
  if (repeats && model.alternates) {
    return validation(
      "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.",
    );
  }
  return spoken.at(-1)?.["role"] === "assistant" && model.claude === undefined
    ? validation(
        "A conversation must end with a user message. Try again with a conversation that ends with a user message.",
      )
    : undefined;
}

function refuseContents(messages: readonly JsonObject[]): Refusal | undefined {
  for (const [index, message] of messages.entries()) {
    const blocks = objects(message["content"]);
    if (blocks.length === 0) {
      return validation(
        `The content field in the Message object at messages.${index} is empty. Add a ContentBlock object to the content field and try again.`,
      );
    }
    for (const [at, block] of blocks.entries()) {
      if (isSeparator(blocks, at)) continue;
      const refusal = refuseBlock(block, message, `messages.${index}.content.${at}`);
      if (refusal !== undefined) return refusal;
    }
    const hasText = blocks.some(
      (block) => typeof block["text"] === "string" || isObject(block["guardContent"]),
    );
    if (
      message["role"] === "user" &&
      !hasText &&
      blocks.some((block) => isObject(block["document"]))
    ) {
      return validation("A text block must be included when using documents.");
    }
  }
  return undefined;
}

const documentName = /^(?!.* {2})[a-zA-Z0-9_ ()[\]-]+$/;

function refuseBlock(block: JsonObject, message: JsonObject, place: string): Refusal | undefined {
  if (typeof block["text"] === "string" && block["text"].trim() === "") {
    return validation(
      `The text field in the ContentBlock object at ${place} is blank. Add text to the text field, and try again.`,
    );
  }
  if (isObject(block["toolUse"])) {
    if (message["role"] !== "assistant") {
      return validation(`User messages cannot contain tool uses.`);
    }
    if (!isObject(block["toolUse"]["input"])) {
      return validation(
        `The format of the value at ${place}.toolUse.input is invalid. Provide a json object for the field and try again.`,
      );
    }
  }
  const result = block["toolResult"];
  if (isObject(result)) {
    if (message["role"] !== "user")
      return validation("Assistant messages cannot contain tool results.");
    if (result["status"] === "error" && objects(result["content"]).length === 0) {
      return validation(
        `The content field at ${place}.toolResult cannot be empty when status value is error.`,
      );
    }
    for (const [at, part] of objects(result["content"]).entries()) {
      const refusal = refuseDocument(part["document"]);
      if (refusal !== undefined) return refusal;
      if (part["json"] !== undefined && part["json"] !== null && !isObject(part["json"])) {
        return validation(
          `The format of the value at ${place}.toolResult.content.${at}.json is invalid. Provide a json object for the field and try again.`,
        );
      }
    }
  }
  if (isObject(block["reasoningContent"]) && message["role"] === "user") {
    return validation(
      "User messages cannot contain reasoning content. Remove the reasoning content and try again.",
    );
  }
  return refuseDocument(block["document"]);
}

function refuseDocument(document: unknown): Refusal | undefined {
  if (!isObject(document) || documentName.test(String(document["name"]))) return undefined;
  return validation(
    "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request.",
  );
}

// ---- tools ----

const idsOf = (message: JsonObject | undefined, member: string): string[] =>
  objects(message?.["content"]).flatMap((block) => {
    const held = block[member];
    return isObject(held) ? [String(held["toolUseId"])] : [];
  });

/** Each call is answered in the next message, and only calls are answered. */
function refuseToolOrder(messages: readonly JsonObject[]): Refusal | undefined {
  for (const [index, message] of messages.entries()) {
    const asked = idsOf(message, "toolUse");
    const next = idsOf(messages[index + 1], "toolResult");
    const open = asked.filter((id) => !next.includes(id));
    if (open.length > 0) {
      return validation(
        `Expected toolResult blocks at messages.${index + 1}.content for the following Ids: ${open.join(", ")}, but found: ${next.join(", ")}`.replace(
          /, but found: $/,
          "",
        ),
      );
    }
    const answers = idsOf(message, "toolResult");
    const before = idsOf(messages[index - 1], "toolUse");
    if (answers.length > before.length) {
      return validation(
        `The number of toolResult blocks at messages.${index}.content exceeds the number of toolUse blocks of previous turn.`,
      );
    }
    const repeated = answers.find((id, at) => answers.indexOf(id) !== at);
    if (repeated !== undefined) {
      return validation(
        `The toolResult blocks at messages.${index}.content contain duplicate Ids: ${repeated}`,
      );
    }
    const twice = asked.find((id, at) => asked.indexOf(id) !== at);
    if (twice !== undefined) {
      return validation(
        `The toolUse blocks at messages.${index}.content contain duplicate Ids: ${twice}`,
      );
    }
  }
  return undefined;
}

function refuseToolsWithoutConfig(
  body: JsonObject,
  messages: readonly JsonObject[],
): Refusal | undefined {
  if (isObject(body["toolConfig"])) return undefined;
  const uses = messages.some(
    (message) => idsOf(message, "toolUse").length + idsOf(message, "toolResult").length > 0,
  );
  return uses
    ? validation(
        "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
      )
    : undefined;
}

// ---- what the model takes ----

const mediaKinds = ["image", "document", "video", "audio"];

function refuseForModel(messages: readonly JsonObject[], model: BedrockModel): Refusal | undefined {
  for (const [index, message] of messages.entries()) {
    const blocks = objects(message["content"]);
    const results = blocks.some((block) => isObject(block["toolResult"]));
    const others = blocks.some(
      (block) => !isObject(block["toolResult"]) && !isObject(block["cachePoint"]),
    );
    if (results && others && !model.mixedTurns) {
      return validation(
        `messages.${index}.content: Conversation blocks and tool result blocks cannot be provided in the same turn.`,
      );
    }
    for (const [at, block] of blocks.entries()) {
      const refusal = refuseMedia(block, { model, index, at, blocks });
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

interface Place {
  model: BedrockModel;
  index: number;
  at: number;
  blocks: readonly JsonObject[];
}

function refuseMedia(block: JsonObject, place: Place): Refusal | undefined {
  const { model, index, at } = place;
  const result = isObject(block["toolResult"]) ? block["toolResult"] : undefined;
  const parts = result === undefined ? [block] : objects(result["content"]);
  for (const part of parts) {
    for (const kind of mediaKinds) {
      const media = part[kind];
      if (!isObject(media)) continue;
      const source = isObject(media["source"]) ? media["source"] : {};
      const remote = isObject(source["s3Location"]);
      if (!model.media.has(kind)) {
        return validation(
          `This model doesn't support the ${kind} content block that you provided. Update the content block and try again.`,
        );
      }
      if (remote && !model.s3 && kind !== "document") {
        return validation(
          "This model doesn't support the s3Uri field. Remove s3Uri and try again.",
        );
      }
      if (
        model.nova &&
        result !== undefined &&
        (kind === "video" || (kind === "document" && remote))
      ) {
        return fromModel(
          malformed(
            `#/messages/${index}/content/${at}: extraneous key [toolResult] is not permitted`,
          ),
        );
      }
    }
  }
  const next = place.blocks[at + 1];
  const document = block["document"];
  // A mark behind a document that reaches the model as text stands on nothing.
  if (
    model.claude !== undefined &&
    isObject(document) &&
    isTextFormat(document["format"]) &&
    isObject(next?.["cachePoint"])
  ) {
    return fromModel(`messages.${index}.content.${at + 1}.type: Field required`);
  }
  const reasoning = block["reasoningContent"];
  if (model.claude !== undefined || !isObject(reasoning)) return undefined;
  const signed =
    isObject(reasoning["reasoningText"]) &&
    typeof reasoning["reasoningText"]["signature"] === "string";
  return signed && !model.nova
    ? validation(
        "This model doesn't support the reasoningContent.reasoningText.signature field. Remove reasoningContent.reasoningText.signature and try again.",
      )
    : undefined;
}
