// A provider is data: where it is, how a request is signed, which dialects it speaks, its quirks.
import type { Quirks } from "../dialects/dialect.ts";
import type { DialectId, Operation } from "../ir/chat.ts";
import type { Secret } from "../lib/secret.ts";

/** One URL that serves one operation in one dialect. */
export interface Endpoint {
  dialect: DialectId;
  /** Appended to the base URL, e.g. `/chat/completions`. */
  path: string;
  /** Base URL of this dialect when it is not the provider's own, e.g. DeepSeek's Anthropic side. */
  baseUrl?: string;
  /** How this endpoint takes the key when it is not the provider's own way. */
  authorize?: Authorize;
  /** The models it serves, when not all of the provider's: see `endpointsFor`. */
  models?: RegExp;
  /** Sent with every request to this endpoint, besides the provider's own, e.g. `anthropic-version`. */
  headers?: Readonly<Record<string, string>>;
}

/** What a request needs to be signed. */
export interface Credentials {
  apiKey?: Secret;
}

/** Puts the credentials on an outbound request's headers. */
export type Authorize = (headers: Headers, credentials: Credentials) => void;

/** A value that ends up in the URL, as `{name}` in the base URL. */
export interface UrlSetting {
  description: string;
  /** Anchored pattern; never admits `/ ? # @ % \`. */
  pattern: RegExp;
  env?: readonly string[];
  example: string;
  default?: string;
}

export interface Provider {
  /** As written in `provider/model`. */
  readonly id: string;
  readonly label: string;
  /** The vendor's API reference. */
  readonly docs: string;
  /** Environment variables that hold the key, first wins. Empty for keyless local servers. */
  readonly env: readonly string[];
  /** May hold `{setting}` placeholders. Absent: the user must give `base_url`. */
  readonly baseUrl?: string;
  readonly urlSettings?: Readonly<Record<string, UrlSetting>>;
  /** Endpoints by operation, best first. */
  readonly speaks: Readonly<Partial<Record<Operation, readonly Endpoint[]>>>;
  readonly authorize: Authorize;
  /** Sent on every request unless the client's own dialect header overrides them, e.g. `anthropic-version`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly quirks: Quirks;
  /** Facts from third-party code only, not from the vendor's pages. */
  readonly unverified?: boolean;
  /** Where the list of models is when it is not `GET baseUrl + /models`; null: nowhere. */
  readonly modelsUrl?: string | null;
  /** A server on this machine that needs no key: found by probing `GET baseUrl + /models`. */
  readonly local?: boolean;
  /** Answers in-process instead of over the network (the `demo` provider). */
  readonly serve?: (request: Request) => Response | Promise<Response>;
}
