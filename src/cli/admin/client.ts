// The administration API as commands use it: of the daemon on this machine, or of a gateway named by `--url`.
import type { z } from "zod";
import { Secret } from "../../lib/secret.ts";
import {
  type AdminCall,
  type AdminPlace,
  askAdmin,
  daemonPlace,
  errorText,
} from "../daemon-client.ts";
import { ExitError, exitCodes } from "../exit.ts";
import { daemonSettings } from "../settings.ts";

/** Options that every command of this family has. */
export interface AdminOptions {
  url?: string;
  config?: string;
  dataDir?: string;
  json?: boolean;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** All methods throw ExitError: `notRunning`, or `failed` with the gateway's own message. */
export interface AdminClient {
  /** Where clients of this gateway send their requests. */
  readonly url: string;
  get<T>(path: string, shape: z.ZodType<T>, query?: Query): Promise<T>;
  /** Null: there is no such thing. */
  find<T>(path: string, shape: z.ZodType<T>): Promise<T | null>;
  post<T>(path: string, shape: z.ZodType<T>, body: object): Promise<T>;
  patch<T>(path: string, shape: z.ZodType<T>, body: object): Promise<T>;
  delete(path: string, more?: { version?: number; query?: Query }): Promise<void>;
  /** Deletes what tells what it was. */
  remove<T>(path: string, shape: z.ZodType<T>, query?: Query): Promise<T>;
  /** The rows of all pages, as far as so many are wanted. */
  list<T>(path: string, shape: z.ZodType<Page<T>>, more?: Listing): Promise<T[]>;
}

export interface Page<T> {
  data: T[];
  next: string | null;
}

export interface Listing {
  query?: Query;
  limit?: number;
}

/** As many rows as a command shows; who has more asks for less. */
const maxRows = 10_000;
const pageRows = 500;
const keyVariable = "MEGALLM_ADMIN_KEY";

/** @throws ExitError `usage`, `notRunning` */
export function connect(options: AdminOptions): AdminClient {
  const place = placeOf(options);
  const call = async (request: AdminCall): Promise<{ status: number; text: string }> => {
    const answer = await askAdmin(place, { ...request, path: `/admin/v1${request.path}` });
    if (answer.status < 300 || answer.status === 404) return answer;
    throw refused(place, answer);
  };
  const read = async <T>(shape: z.ZodType<T>, request: AdminCall): Promise<T> => {
    const answer = await call(request);
    if (answer.status === 404) throw refused(place, answer);
    return understood(place, shape, answer.text);
  };
  const client: AdminClient = {
    url: place.url.replace(/\/+$/, ""),
    get: (path, shape, query) => read(shape, { method: "GET", path: path + text(query) }),
    async find(path, shape) {
      const answer = await call({ method: "GET", path });
      return answer.status === 404 ? null : understood(place, shape, answer.text);
    },
    post: (path, shape, body) => read(shape, { method: "POST", path, body: JSON.stringify(body) }),
    patch: (path, shape, body) =>
      read(shape, { method: "PATCH", path, body: JSON.stringify(body) }),
    async delete(path, { version, query } = {}) {
      const answer = await call({
        method: "DELETE",
        path: path + text(query),
        ...(version !== undefined && { version }),
      });
      if (answer.status === 404) throw refused(place, answer);
    },
    remove: (path, shape, query) => read(shape, { method: "DELETE", path: path + text(query) }),
    async list(path, shape, { query = {}, limit = maxRows } = {}) {
      const rows = [];
      let cursor: string | undefined;
      do {
        const most = Math.min(pageRows, limit - rows.length);
        const page = await client.get(path, shape, { ...query, limit: most, cursor });
        rows.push(...page.data);
        cursor = page.next ?? undefined;
      } while (cursor !== undefined && rows.length < limit);
      return rows.slice(0, limit);
    },
  };
  return client;
}

function placeOf(options: AdminOptions): AdminPlace {
  const { url } = options;
  if (url === undefined) {
    return daemonPlace(daemonSettings(options.config, { dataDir: options.dataDir }));
  }
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.search + parsed.hash !== "") {
    throw new ExitError(
      exitCodes.usage,
      `--url takes the address of a gateway, such as https://llm.example.com, not \`${url}\`.`,
    );
  }
  const key = process.env[keyVariable];
  if (!key) {
    throw new ExitError(
      exitCodes.usage,
      `Set ${keyVariable} to the admin key of ${parsed.origin}: this machine's own is sent to nobody else.`,
    );
  }
  return { url, key: new Secret(key), name: "The gateway", env: process.env };
}

const text = (query: Query = {}): string => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return "";
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString()}`;
};

/** Of what was asked, the gateway says best what is wrong; of the connection, where it is. */
const refused = (place: AdminPlace, { status, text: body }: { status: number; text: string }) =>
  new ExitError(
    exitCodes.failed,
    status < 500 && status !== 401 && body.startsWith("{")
      ? // Said of the query of a request; here it is an option.
        errorText(body).replace("`cascade=true`", "`--cascade`")
      : `${place.url} answered ${status}: ${errorText(body)}`,
  );

function understood<T>(place: AdminPlace, shape: z.ZodType<T>, body: string): T {
  try {
    const result = shape.safeParse(JSON.parse(body));
    if (result.success) return result.data;
  } catch {
    // Not JSON: the same to the user.
  }
  throw new ExitError(
    exitCodes.failed,
    `${place.url} gave an answer that this version does not understand: is it a MegaLLM gateway of another version?`,
  );
}
