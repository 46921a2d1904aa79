// The values that a configuration is written with: numbers, durations, sizes, money, addresses, secrets, names.
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import type { Price } from "../catalog/prices.ts";
import { addressFault } from "../lib/addresses.ts";
import { Secret } from "../lib/secret.ts";
import { AddressError, describeAddress, parseAddress } from "../store/postgres/address.ts";
import type { StoreConfig } from "./config.ts";
import { field } from "./field.ts";
import { parseDollars } from "./price.ts";
import {
  durationPattern,
  formatDuration,
  maxDurationMs,
  parseDuration,
  parseSize,
  sizePattern,
} from "./quantity.ts";

// Values that arrive through `${…}` are text, so numbers and booleans are read from text too.

export const whole = (min: number, max: number) =>
  z
    .union([
      z.int(`expected a whole number from ${min} to ${max}`).min(min).max(max),
      z
        .string()
        .regex(/^\d{1,15}$/, `expected a whole number from ${min} to ${max}`)
        .transform(Number)
        .pipe(z.int().min(min).max(max)),
    ])
    .meta({ kind: `whole number, ${min} to ${max}` });

export const flag = z
  .union([
    z.boolean(),
    z
      .string()
      .regex(/^(?:true|false)$/, "expected true or false")
      .transform((text) => text === "true"),
  ])
  .meta({ kind: "true or false" });

const durationMessage = "expected milliseconds, or a duration such as `250ms`, `30s`, `5m`";

export const durationMs = z
  .union([z.int(durationMessage), z.string().regex(durationPattern, durationMessage)])
  .transform((value, context) => {
    const ms = typeof value === "number" ? value : parseDuration(value);
    if (ms !== undefined && ms >= 1 && ms <= maxDurationMs) return ms;
    context.addIssue({
      code: "custom",
      message: `expected a duration from 1ms to ${formatDuration(maxDurationMs)}`,
    });
    return z.NEVER;
  })
  .meta({ kind: "duration" });

export const limitMs = z
  .union([
    z.int(durationMessage),
    z
      .string()
      .regex(new RegExp(`^off$|${durationPattern.source}`), `${durationMessage}, or \`off\``),
  ])
  .transform((value, context): number | null => {
    if (value === "off") return null;
    const ms = typeof value === "number" ? value : parseDuration(value);
    if (ms !== undefined && ms >= 1 && ms <= maxDurationMs) return ms;
    context.addIssue({
      code: "custom",
      message: `expected a duration from 1ms to ${formatDuration(maxDurationMs)}, or \`off\` for no limit`,
    });
    return z.NEVER;
  })
  .meta({ kind: "duration or `off`" });

const shareMessage = "expected a share such as `5%`, or a number from 0 to 1";

/** A share from 0 to 1. */
export const portion = z
  .union([
    z.number(shareMessage).min(0, shareMessage).max(1, shareMessage),
    z.string().regex(/^\d{1,3}(?:\.\d+)?%$/, shareMessage),
  ])
  .transform((value, context) => {
    const found = typeof value === "number" ? value : Number(value.slice(0, -1)) / 100;
    if (found <= 1) return found;
    context.addIssue({ code: "custom", message: shareMessage });
    return z.NEVER;
  })
  .meta({ kind: "share" });

const sizeMessage = "expected bytes, or a size such as `512kb`, `32mb`";

export const sizeBytes = z
  .union([z.int(sizeMessage), z.string().regex(sizePattern, sizeMessage)])
  .transform((value, context) => {
    const bytes = typeof value === "number" ? value : parseSize(value);
    if (bytes !== undefined && bytes >= 1024 && bytes <= 1024 ** 3) return bytes;
    context.addIssue({ code: "custom", message: "expected a size from 1kb to 1gb" });
    return z.NEVER;
  })
  .meta({ kind: "size" });

/** Sent in a header, so nothing that a header cannot hold. */
export const secret = z
  .string()
  .min(1, "the secret is empty")
  .regex(/^[\x21-\x7e]*$/, "a secret holds visible ASCII characters only, no spaces or line breaks")
  .transform((text) => new Secret(text));

const exampleKeyPrefix = "sk-mega-example";

export const clientKey = z
  .string()
  .min(1, "the secret is empty")
  .min(16, "a client key needs at least 16 characters")
  .regex(/^[\x21-\x7e]*$/, "a secret holds visible ASCII characters only, no spaces or line breaks")
  .refine((text) => !text.toLowerCase().startsWith(exampleKeyPrefix), {
    error: "this key is printed in the documentation, so everybody knows it",
  })
  .refine((text) => text.length < 16 || new Set(text).size >= 6, {
    error: "this key is too easy to guess",
  })
  .transform((text) => new Secret(text));

/** What credentials are hashed under: nobody types it, so it may be long. */
export const serverSecret = z
  .string()
  .min(1, "the secret is empty")
  .min(32, "a server secret needs at least 32 characters; `openssl rand -base64 32` makes one")
  .max(1_024, "a server secret has at most 1024 characters")
  .regex(/^[\x21-\x7e]*$/, "a secret holds visible ASCII characters only, no spaces or line breaks")
  .refine((text) => text.length < 32 || new Set(text).size >= 8, {
    error: "this secret is too easy to guess",
  })
  .transform((text) => new Secret(text));

const httpUrl = (text: string, withUser: boolean): string | undefined => {
  if (/[\s\\\p{Cc}]/u.test(text)) return "a URL holds no spaces, backslashes or control characters";
  const url = URL.parse(text);
  if (url === null) return "expected a URL such as `https://host/v1`";
  if (url.protocol !== "http:" && url.protocol !== "https:") return "only http and https are used";
  if (!/^https?:\/\/[^/]/i.test(text)) return "expected a URL such as `https://host/v1`";
  if (!withUser && (url.username !== "" || url.password !== "" || text.includes("@"))) {
    return "no credentials in a URL: use `api_key` or `headers`";
  }
  if (text.includes("?") || text.includes("#")) return "a base URL has no `?` and no `#`";
  if (/%|\/\.{1,2}(?:\/|$)/.test(url.pathname + text.replace(/^[^:]*:\/\/[^/]*/, ""))) {
    return "the path of a base URL holds plain segments only";
  }
  return undefined;
};

export const baseUrl = z
  .string()
  .superRefine((text, context) => {
    const message = httpUrl(text, false);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  })
  .transform((text) => text.replace(/\/+$/, ""));

export const proxyUrl = z.string().superRefine((text, context) => {
  const message = text === "none" ? undefined : httpUrl(text, true);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

export const storeUrl = z.string().transform((text, context): StoreConfig => {
  try {
    return { url: new Secret(text), place: describeAddress(parseAddress(text)) };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    context.addIssue({ code: "custom", message: `${error.message}; ${error.hint}` });
    return z.NEVER;
  }
});

export const host = z
  .string()
  .transform((text) => text.toLowerCase().replace(/^\[(.*)\]$/, "$1"))
  .refine((text) => text === "localhost" || isIP(text) !== 0, {
    error: "expected an IP address or `localhost`; `0.0.0.0` is every address of this machine",
  });

/** Only programs on this machine reach it. */
export const isLoopback = (address: string): boolean =>
  address === "localhost" ||
  (ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback");

export const hostName = z
  .string()
  .transform((text) => text.toLowerCase().replace(/\.$/, ""))
  .refine((text) => /^(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)$/.test(text), {
    error: "expected a host name such as `gateway.example.com`, without scheme, port or `*`",
  });

export const webOrigin = z
  .string()
  .transform((text) => text.toLowerCase())
  .refine((text) => /^[a-z][a-z0-9+.-]*:\/\/[^/\s?#@*]+$/.test(text), {
    error: "expected an origin such as `https://app.example.com`, without a path or `*`",
  });

export const proxyAddress = z.string().superRefine((text, context) => {
  const message = addressFault(text);
  if (message !== null) context.addIssue({ code: "custom", message });
});

const dollarMessage =
  "expected US dollars such as `2.50`: a decimal with at most 9 digits after the point";

export const dollars = z
  .union([
    z.number(dollarMessage).nonnegative(dollarMessage),
    z.string().regex(/^\d{1,9}(?:\.\d{1,9})?$/, dollarMessage),
  ])
  .transform((value, context) => {
    const nanos = parseDollars(String(value));
    if (nanos !== undefined) return nanos;
    context.addIssue({ code: "custom", message: dollarMessage });
    return z.NEVER;
  })
  .meta({ kind: "dollars" });

export const price = z
  .strictObject({
    input: field(dollars, "US dollars per million input tokens.", "2.50"),
    output: field(dollars, "US dollars per million output tokens.", "10"),
    cache_read: field(
      dollars.optional(),
      "US dollars per million input tokens read from the provider's prompt cache.",
      "0.25",
      { defaultText: "the catalogue's, else the price of input" },
    ),
    cache_write_5m: field(
      dollars.optional(),
      "US dollars per million tokens written to the prompt cache for five minutes.",
      "3.125",
      { defaultText: "the catalogue's, else the price of input" },
    ),
    cache_write_1h: field(
      dollars.optional(),
      "US dollars per million tokens written to the prompt cache for one hour.",
      "5",
      { defaultText: "the catalogue's, else the price of input" },
    ),
    request: field(dollars.optional(), "US dollars per request, whatever its size.", "0.005", {
      defaultText: "nothing",
    }),
    image: field(
      dollars.optional(),
      "US dollars for each picture that is made, where they are priced by the piece.",
      "0.04",
      { defaultText: "the catalogue's, else nothing" },
    ),
    tool: field(
      dollars.optional(),
      "US dollars for each call of a tool that the provider runs, such as a web search.",
      "0.01",
      { defaultText: "nothing" },
    ),
  })
  .transform((value): Price => ({
    input: value.input,
    output: value.output,
    cacheRead: value.cache_read ?? null,
    cacheWrite5m: value.cache_write_5m ?? null,
    cacheWrite1h: value.cache_write_1h ?? null,
    request: value.request ?? null,
    ...(value.image !== undefined && { image: value.image }),
    ...(value.tool !== undefined && { tool: value.tool }),
  }));

const pattern = z
  .string()
  .regex(/^[^\s\p{Cc}]{1,200}$/u, "expected a model name, or a pattern with `*`, without spaces");

export const prices = z.record(pattern, price);

export const limit = whole(1, 1_000_000).optional();
export const unlimited = { defaultText: "no limit" };

export const secretField = (schema: z.ZodType<Secret, string>, example: string) =>
  field(schema, "The secret.", example, { secret: true });

export const keyName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/,
    "expected a name of letters, digits and `_.@-`, at most 64",
  );
