// Tools that a vendor defines itself: what is told of them on the way to anybody else.
import type { ChatRequest, DialectId, Tool } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { Target } from "./dialect.ts";

export type VendorTool = Extract<Tool, { type: "provider" }>;

/** Why a vendor's tool is left out, for a warning. */
export const vendorToolLoss = ({ name, executor }: VendorTool): string =>
  executor === "client"
    ? `only its own vendor's models know \`${name}\``
    : `\`${name}\` runs at another provider`;

/**
 * Refuses a request that is about a tool which this wire (`dialectId`) cannot carry: nothing is left of its tools
 * (`kept` is their number), or the one that it demands is lost.
 * @throws GatewayError `unsupported_feature`
 */
export function refuseLostTools(
  { tools, toolChoice }: ChatRequest,
  kept: number,
  { dialectId, target }: { dialectId: DialectId; target: Target },
): void {
  const forced = toolChoice?.type === "tool" ? toolChoice.name : undefined;
  const lost = tools.find(
    (tool): tool is VendorTool =>
      tool.type === "provider" && tool.origin !== dialectId && (kept === 0 || tool.name === forced),
  );
  if (!lost) return;
  const { name, executor } = lost;
  const reason =
    executor === "client"
      ? `The tool \`${name}\` is defined by its vendor: the client runs it, but only that vendor's models know it. \`${target.provider}\` has no such tool; a function of the client's own can take its place.`
      : `The tool \`${name}\` runs on its own provider's servers; \`${target.provider}\` has no such tool.`;
  throw new GatewayError("unsupported_feature", reason, { param: "tools" });
}
