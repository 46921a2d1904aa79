// Query parameters of the gateway's own endpoints.
import { z } from "zod";
import { GatewayError } from "../ir/error.ts";

/** @throws GatewayError `invalid_request` naming what is wrong */
export function readQuery<T>(schema: z.ZodType<T>, query: Record<string, string>): T {
  const result = schema.safeParse(query);
  if (result.success) return result.data;
  throw new GatewayError("invalid_request", z.prettifyError(result.error).slice(0, 500));
}
