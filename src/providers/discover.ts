// Which providers this machine offers without being told: keys in the environment, servers on their usual ports.
import { isObject, parse } from "../lib/json.ts";
import type { Provider } from "./provider.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A provider whose key is in the environment, and the variable that holds it. */
export interface EnvironmentFind {
  provider: string;
  variable: string;
}

/** A server on this machine that was recognised. */
export interface LocalFind {
  /** Provider id. */
  provider: string;
  baseUrl: string;
  models: string[];
}

export interface LocalProbe {
  /** How the servers are reached: the egress's way. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** For each server, until its whole list is here. Default 300. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Where `OLLAMA_HOST` is read. Default: the process's. */
  env?: Environment;
}

/** Variables that are set to something, first wins, in the order of the providers. */
export function discoverEnvironment(
  env: Environment,
  providers: readonly Provider[],
): EnvironmentFind[] {
  return providers.flatMap((provider) => {
    const variable = provider.env.find((name) => (env[name] ?? "").trim() !== "");
    return variable === undefined ? [] : [{ provider: provider.id, variable }];
  });
}

/**
 * Asks the usual ports of 127.0.0.1 for a list of models, all at once. A server that answers anything but such a list,
 * or that cannot be told apart from another on a shared port, is left out. Never throws; each provider at most once.
 */
export async function discoverLocal(by: LocalProbe): Promise<LocalFind[]> {
  const env = by.env ?? process.env;
  const found = await Promise.all(places(env).map((place) => probe(place, by)));
  const byProvider = new Map<string, LocalFind>();
  for (const find of found) {
    if (find && !byProvider.has(find.provider)) byProvider.set(find.provider, find);
  }
  return [...byProvider.values()];
}

/** A port to ask, and who it is when the list itself does not tell. */
interface Place {
  baseUrl: string;
  /** The only server that has this port by default. */
  owner?: string;
  /** Who it is when no model names an owner. */
  anonymous?: string;
}

const places = (env: Environment): Place[] => [
  { baseUrl: `${ollamaOrigin(env["OLLAMA_HOST"])}/v1`, owner: "ollama" },
  { baseUrl: "http://127.0.0.1:1234/v1", owner: "lm_studio" },
  { baseUrl: "http://127.0.0.1:8000/v1" },
  { baseUrl: "http://127.0.0.1:8080/v1", anonymous: "localai" },
  { baseUrl: "http://127.0.0.1:30000/v1" },
  { baseUrl: "http://127.0.0.1:1337/v1", owner: "jan" },
];

/** What servers write into `owned_by`, from their sources. LocalAI writes nothing. */
const owners: ReadonlyMap<string, string> = new Map([
  ["llamacpp", "llama_cpp"],
  ["organization_owner", "lm_studio"],
  ["sglang", "sglang"],
  ["vllm", "vllm"],
]);

/** `OLLAMA_HOST` as Ollama reads it: any part may be missing, and "every address" means this machine. */
function ollamaOrigin(host = ""): string {
  const [, scheme, rest = ""] = /^(?:(https?):\/\/)?([^/]*)/.exec(host.trim()) ?? [];
  const [, name = "", port] = /^(.*?)(?::(\d+))?$/.exec(rest) ?? [];
  const isAny = name === "" || name === "0.0.0.0" || name === "[::]";
  const suffix = port ?? (scheme === undefined ? "11434" : undefined);
  const origin = `${scheme ?? "http"}://${isAny ? "127.0.0.1" : name}${suffix === undefined ? "" : `:${suffix}`}`;
  const url = URL.parse(origin);
  return url && url.username === "" ? origin : "http://127.0.0.1:11434";
}

/** Larger answers are no list of local models. */
const maxBytes = 1024 * 1024;
const maxModels = 1_000;

async function probe(place: Place, by: LocalProbe): Promise<LocalFind | undefined> {
  const deadline = AbortSignal.timeout(by.timeoutMs ?? 300);
  const signal = by.signal ? AbortSignal.any([by.signal, deadline]) : deadline;
  try {
    const response = await by.fetch(`${place.baseUrl}/models`, {
      headers: { accept: "application/json" },
      redirect: "manual",
      signal,
    });
    const text = response.status === 200 ? await readText(response, signal) : undefined;
    if (text === undefined) {
      await response.body?.cancel();
      return undefined;
    }
    return recognise(place, parse(text));
  } catch {
    // Nobody there, too slow, or no JSON: all the same here.
    return undefined;
  }
}

/** The body as text; undefined when it is too large. */
async function readText(response: Response, signal: AbortSignal): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    signal.throwIfAborted();
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

interface Listed {
  id: string;
  owner: string | undefined;
}

function recognise(place: Place, body: unknown): LocalFind | undefined {
  const models = readList(body);
  if (!models) return undefined;
  const owner = models.find((model) => model.owner !== undefined)?.owner;
  const provider =
    owners.get(owner ?? "") ??
    place.owner ??
    (owner === undefined && models.length > 0 ? place.anonymous : undefined);
  if (provider === undefined) return undefined;
  return { provider, baseUrl: place.baseUrl, models: models.map((model) => model.id) };
}

/** OpenAI's list of models, strictly; Ollama writes null for an empty one. */
function readList(body: unknown): Listed[] | undefined {
  if (!isObject(body) || body["object"] !== "list") return undefined;
  const data = body["data"] ?? [];
  if (!Array.isArray(data) || data.length > maxModels) return undefined;
  const models: Listed[] = [];
  for (const model of data as unknown[]) {
    if (!isObject(model) || model["object"] !== "model") return undefined;
    const { id, owned_by: owner } = model;
    if (typeof id !== "string" || !/^[^\p{Cc}]{1,300}$/u.test(id)) return undefined;
    models.push({ id, owner: typeof owner === "string" && owner !== "" ? owner : undefined });
  }
  return models;
}
