// A provider is data: where it is, how a request is signed, which dialects it speaks, its quirks.
import type { Quirks } from "../dialects/dialect.ts";
import type { Envelope } from "../dialects/envelope.ts";
import type { DialectId, Operation } from "../ir/chat.ts";
import type { Secret } from "../lib/secret.ts";

/** One URL that serves one operation in one dialect. */
export interface Endpoint {
  dialect: DialectId;
  /** Appended to the base URL, e.g. `/chat/completions`. `{model}` stands for the model's name; may end in a query. */
  path: string;
  /** Path of streamed requests when it is another one. */
  streamPath?: string;
  /** How it carries the dialect when not as the dialect's own vendor does. */
  envelope?: Envelope;
  /** The one of the dialect's forms that it takes, where there are several (`DialectRoute.form`). */
  form?: string;
  /** Base URL of this dialect when it is not the provider's own, e.g. DeepSeek's Anthropic side. */
  baseUrl?: string;
  /** The path is counted from above a version (`/v1`) at the end of the base URL, since it is not a part of that version. */
  aboveVersion?: boolean;
  /** How this endpoint takes the key when it is not the provider's own way. */
  authorize?: Authorize;
  /** The models it serves, when not all of the provider's: see `endpointsFor`. */
  models?: RegExp;
  /** There only where this setting of the provider has a value. */
  needs?: string;
  /** There only where this setting of the provider has none. */
  without?: string;
  /** Sent with every request to this endpoint, besides the provider's own, e.g. `anthropic-version`. */
  headers?: Readonly<Record<string, string>>;
}

/** An outbound request that is complete but for its credentials. */
export interface Unsigned {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array | string;
}

/** One exchange with a token or metadata server. */
export interface TokenRequest {
  url: string;
  method?: "GET" | "POST" | "PUT";
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** A cloud's metadata address on the machine's own link (169.254.169.254 and its like): closed to all other requests. */
  metadata?: boolean;
  /** Default 10 s. */
  timeoutMs?: number;
}

/** What a request needs to be signed. */
export interface Credentials {
  apiKey?: Secret;
  /** The provider's plain settings: those in its URLs and those for signing. One object per configuration: caches of tokens may hang on it. */
  settings: Readonly<Record<string, string>>;
  /** The provider's secret settings. */
  secrets: Readonly<Record<string, Secret>>;
  /** Environment of the process, for credential chains that read it. */
  env: Readonly<Record<string, string | undefined>>;
  /** Through the egress. Rejects with a GatewayError when there is no answer at all. */
  fetch(request: TokenRequest): Promise<{ status: number; headers: Headers; text: string }>;
}

/**
 * Puts the credentials on an outbound request's headers.
 * @throws GatewayError `upstream_auth` naming what is missing or was refused.
 */
export type Authorize = (request: Unsigned, credentials: Credentials) => void | Promise<void>;

/** A setting that a provider's way of signing reads: not part of any URL. A dot in its name nests it: `entra.tenant_id`. */
export interface AuthSetting {
  description: string;
  secret?: boolean;
  /** Anchored. Absent: any text on one line; for secrets any text. */
  pattern?: RegExp;
  /** May be written as a map too, and arrives as its JSON text. */
  json?: boolean;
  /** Says nothing about who signs: the environment's key is used all the same. */
  aside?: boolean;
  env?: readonly string[];
  example: string;
}

/** A value that ends up in the URL, as `{name}` in the base URL. */
export interface UrlSetting {
  description: string;
  /** Anchored pattern; never admits `/ ? # @ % \`. */
  pattern: RegExp;
  env?: readonly string[];
  /** Where else it may be written (a vendor's own file), asked when neither the configuration nor the environment says it. */
  lookup?: (
    settings: Readonly<Record<string, string>>,
    env: Readonly<Record<string, string | undefined>>,
  ) => string | undefined;
  example: string;
  default?: string;
}

/** What shows that a cloud's credentials are on this machine although there is no key. */
export interface Traces {
  env: readonly string[];
  /** `~/` is the home folder. */
  files: readonly string[];
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
  /** Base URLs that go before `baseUrl` where a setting has such a value, e.g. a cloud's global location. */
  readonly otherBaseUrls?: readonly { setting: string; pattern: RegExp; baseUrl: string }[];
  readonly urlSettings?: Readonly<Record<string, UrlSetting>>;
  readonly authSettings?: Readonly<Record<string, AuthSetting>>;
  /** Credentials may come from somewhere else than a key (files, metadata servers), so none is demanded. */
  readonly keyless?: boolean;
  /** What makes discovery offer a keyless provider. */
  readonly traces?: Traces;
  /** Endpoints by operation, best first. */
  readonly speaks: Readonly<Partial<Record<Operation, readonly Endpoint[]>>>;
  readonly authorize: Authorize;
  /** Sent on every request unless the client's own dialect header overrides them, e.g. `anthropic-version`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly quirks: Quirks;
  /** Facts from third-party code only, not from the vendor's pages. */
  readonly unverified?: boolean;
  /** Where the list of models is when it is not `GET baseUrl + /models`: a URL, or a path (`/v1/models`) counted from above the base URL's version; may end in a query. Null: nowhere. */
  readonly modelsUrl?: string | null;
  /** A server on this machine that needs no key: found by probing `GET baseUrl + /models`. */
  readonly local?: boolean;
  /** Routes among providers of its own, and understands what requests say of that (`provider`, `models`, name endings). */
  readonly routesItself?: boolean;
  /** Answers in-process instead of over the network (the `demo` provider). */
  readonly serve?: (request: Request) => Response | Promise<Response>;
}
