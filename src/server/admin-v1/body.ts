// Bodies of requests that administer: small JSON objects in which nothing stands twice.
import { GatewayError } from "../../ir/error.ts";
import { JsonError, type JsonObject, parseObject, scan } from "../../lib/json.ts";

const maxBodyBytes = 256 * 1024;

/** @throws GatewayError `too_large` */
export async function readBytes(
  request: Request,
  maxBytes: number = maxBodyBytes,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new GatewayError("too_large", `The body is larger than ${maxBytes / 1024} KB.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @throws GatewayError `invalid_request` */
export function readObject(bytes: Uint8Array): JsonObject {
  try {
    // Refuses what stands twice: which of the two counts would be anybody's guess.
    scan(bytes);
    return parseObject(new TextDecoder().decode(bytes));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("invalid_request", `The body is not JSON: ${error.message}.`);
  }
}
