// Whose reasoning it is: an Anthropic server's, or another provider's in this wire's form.
import type { ReasoningPart } from "../../ir/chat.ts";
import { dialectId } from "./wire.ts";

/** Reasoning made by an Anthropic server, signed or not: shown as it is. */
export const isOwn = (part: ReasoningPart): boolean => part.origin.dialect === dialectId;
