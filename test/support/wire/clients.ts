// Every client program that asks the gateway in the matrix.
import type { DialectId } from "../../../src/ir/chat.ts";
import { anthropicMessages, vertexRaw } from "./sdk/anthropic.ts";
import { bedrockConverse, bedrockInvoke } from "./sdk/aws.ts";
import { cohere } from "./sdk/cohere.ts";
import { gemini } from "./sdk/google.ts";
import type { Door, Sdk } from "./sdk/heard.ts";
import { ollamaChat, ollamaGenerate } from "./sdk/ollama.ts";
import { openaiChat, openaiResponses } from "./sdk/openai.ts";

/** The official SDK of each dialect, and of the envelopes and older forms that some dialects come in. */
export type ClientId = DialectId | "bedrock-invoke" | "vertex-raw" | "ollama-generate";

export const dialectIds: readonly DialectId[] = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
  "ollama",
  "bedrock-converse",
  "cohere",
];

/** Clients of the same dialects in another form: a sample shows that they read the same. */
export const otherForms: readonly ClientId[] = ["bedrock-invoke", "vertex-raw", "ollama-generate"];

export const createClients = (door: Door): Readonly<Record<ClientId, Sdk>> => ({
  "openai-chat": openaiChat(door),
  "openai-responses": openaiResponses(door),
  "anthropic-messages": anthropicMessages(door),
  gemini: gemini(door),
  ollama: ollamaChat(door),
  "bedrock-converse": bedrockConverse(door),
  cohere: cohere(door),
  "bedrock-invoke": bedrockInvoke(door),
  "vertex-raw": vertexRaw(door),
  "ollama-generate": ollamaGenerate(door),
});
