// Names and ids that Bedrock does not admit, spelt so that it does.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html: [a-zA-Z0-9_-]{1,64}
import { createHash } from "node:crypto";
import { GatewayError } from "../../ir/error.ts";
import { escapeName } from "../anthropic-messages/names.ts";

const maxLength = 64;

/**
 * A tool's name; the answer's calls are turned back.
 * @throws GatewayError `unsupported_feature` for a name that cannot be shortened so that the answer tells which it was.
 */
export function encodeToolName(name: string, path: string): string {
  const escaped = escapeName(name);
  if (escaped !== "" && escaped.length <= maxLength) return escaped;
  throw new GatewayError(
    "unsupported_feature",
    `The tool name \`${name.slice(0, 80)}\` does not fit: Bedrock takes 1 to ${maxLength} of the characters a-z, A-Z, 0-9, \`_\` and \`-\`.`,
    { param: path },
  );
}

/** A call's id, the same for a call and its result; it never comes back from the provider, so a long one is hashed. */
export function encodeCallId(id: string): string {
  const escaped = escapeName(id) || "unnamed";
  if (escaped.length <= maxLength) return escaped;
  const hash = createHash("sha256").update(id).digest("base64url");
  return `${escaped.slice(0, maxLength - hash.length - 1)}-${hash}`;
}

/** The longest name of a document. */
const maxDocumentName = 200;

/** Documents of one request, each under a name of its own: Bedrock refuses other characters, double spaces and doubles. */
export function createDocumentNames(): (name: string | undefined) => string {
  const taken = new Set<string>();
  return (name = "document") => {
    const plain =
      name
        .replaceAll(/[^a-zA-Z0-9\s()[\]-]/g, "-")
        .replaceAll(/\s+/g, " ")
        .trim()
        .slice(0, maxDocumentName) || "document";
    let unique = plain;
    for (let count = 2; taken.has(unique); count += 1) {
      const ending = ` (${count})`;
      unique = plain.slice(0, maxDocumentName - ending.length) + ending;
    }
    taken.add(unique);
    return unique;
  };
}
