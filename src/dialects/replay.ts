// Whether reasoning may go back to a provider.
import type { DialectId, ReasoningPart } from "../ir/chat.ts";
import type { Target } from "./dialect.ts";

/** Only to where it was made; without a named origin the client sent it to this wire (`dialectId`) itself. */
export const canReplay = (
  { origin }: ReasoningPart,
  dialectId: DialectId,
  { provider, model }: Target,
): boolean =>
  origin.dialect === dialectId &&
  (origin.provider === undefined || origin.provider === provider) &&
  (origin.model === undefined || origin.model === model);
