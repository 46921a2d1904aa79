// What wishes are made of, wherever a request writes them: names, numbers, and how a faulty one is refused.
import { GatewayError } from "../ir/error.ts";
import { JsonError, type JsonObject, parse } from "../lib/json.ts";
import { type Inbound, takesRoutingFields } from "./inbound.ts";

/** What was asked and cannot be had. */
export interface Unmet {
  field: string;
  reason: string;
}

const maxNameLength = 300;
const maxRetries = 10;
/** The longest limit that can be wished for, ms. */
export const dayMs = 86_400_000;

/** Whether the body may say how it is routed, as its wire has it. */
export const mayWrite = ({ bodyDialect, operation, wrapped }: Inbound): boolean =>
  takesRoutingFields(bodyDialect, operation) && !wrapped;

/** What a key without overrides is told. */
export const forbidden = (name: string): GatewayError =>
  new GatewayError(
    "forbidden",
    `This key may not say how its requests are routed: leave out \`${name}\`.`,
    { param: name },
  );

/** What cannot be read is told by its name. */
export const refused = (name: string, what: string): GatewayError =>
  new GatewayError("invalid_request", `\`${name}\` ${what}.`, { param: name });

/** A member of the body, parsed. Null is as good as absent. @throws GatewayError `invalid_request` */
export function valueOf({ bytes, members }: Inbound, name: string): unknown {
  const member = members.get(name);
  if (!member) return undefined;
  const { start, end } = member.value;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
  try {
    return parse(text) ?? undefined;
  } catch (error) {
    if (error instanceof JsonError) throw refused(name, `is not acceptable JSON`);
    throw error;
  }
}

/** @throws GatewayError `invalid_request` */
export function secondsIn(value: unknown, field: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && value > 0 && value * 1000 <= dayMs) {
    return Math.ceil(value * 1000);
  }
  throw refused(field, "must be a number of seconds, above 0 and a day at most");
}

/** How often the same deployment is asked again. @throws GatewayError `invalid_request` */
export function retriesIn(value: unknown, field: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) {
    return Math.min(value, maxRetries);
  }
  throw refused(field, "must be a whole number");
}

/** A list of names; empty where there is none. @throws GatewayError `invalid_request` */
export function namesIn(value: unknown, field: string): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw refused(field, "must be a list of names");
  return value.map((name: unknown) => nameIn(name, field));
}

/** @throws GatewayError `invalid_request` */
export function nameIn(value: unknown, field: string): string {
  if (typeof value !== "string" || value.trim() === "" || value.length > maxNameLength) {
    throw refused(field, "must be a list of names, none of them empty");
  }
  return value.trim();
}

/** An own member of an object; null is as good as absent. */
export const given = (object: JsonObject, name: string): unknown =>
  Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
