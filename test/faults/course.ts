// A course: a fault that takes more than one answer to show, played by one client against two upstreams of one wire.
import { expect } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import type { Script, ScriptedUpstream } from "../support/scripted-upstream.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { streamOf } from "../support/wire-answers.ts";
import type { Client } from "./clients.ts";
import { operatorKey, type Wire, type WireName, words } from "./wires.ts";

export interface Setting {
  client: Client;
  stream: boolean;
  /** What both upstreams speak. */
  wire: Wire;
  faulty: ScriptedUpstream;
  /** Strict, and always of the same words. */
  sound: Upstream;
}

export interface Course {
  item: string;
  name: string;
  stated: string;
  /** For streams only. */
  streamOnly?: boolean;
  /** Only of these upstream wires. */
  wires?: readonly WireName[];
  run(setting: Setting): Promise<void>;
}

type Limits = Pick<Course, "streamOnly" | "wires">;

export interface Scene extends Setting {
  gateway: InProcess;
  ask(model?: string, init?: RequestInit): Promise<Response>;
}

/** Routes: `alone` and `backed`, both with two retries. */
export const course = (
  item: string,
  name: string,
  stated: string,
  play: (scene: Scene) => Promise<void>,
  { streamOnly, wires, ...over }: Limits & Record<string, unknown> = {},
): Course => ({
  item,
  name,
  stated,
  ...(streamOnly && { streamOnly }),
  ...(wires && { wires }),
  async run(setting) {
    const { client, stream, wire, faulty, sound } = setting;
    faulty.answer(goodOf(setting));
    sound.reset();
    const gateway = await startInProcess({
      health: { enabled: true },
      retry: { retries: 2 },
      prices: { "*": { input: 1, output: 2 } },
      providers: {
        faulty: { ...wire.provider(faulty.url), keys: [operatorKey, "operator-key-b"] },
        sound: { ...wire.provider(sound.url), api_key: operatorKey },
      },
      models: {
        alone: { deployments: [{ model: "faulty/m", key: "key-1" }] },
        backed: { deployments: [{ model: "faulty/m", key: "key-1" }], fallbacks: ["sound/m"] },
        keys: { deployments: [{ model: "faulty/m" }] },
        replay: { deployments: [{ model: "faulty/m", key: "key-1" }], retry: { replay: true } },
        single: { deployments: [{ model: "faulty/m", key: "key-1", max_concurrent: 1 }] },
      },
      ...over,
    });
    try {
      await play({
        ...setting,
        gateway,
        ask: (model = "alone", init = {}) => {
          const [path, base] = client.request(model, stream);
          const headers = { ...(base.headers as object), ...(init.headers as object) };
          return gateway.fetch(path, { ...base, ...init, headers });
        },
      });
      await gateway.idle();
    } finally {
      await gateway.close();
    }
  },
});

export const goodOf = ({ stream, wire }: Setting): Script =>
  stream ? streamOf(...wire.answers.frames) : wire.answers.plain;

/** Reads until these words have come. */
export async function seen(answer: Response, text: string): Promise<void> {
  const reader = answer.body?.getReader();
  let read = "";
  while (!read.includes(text)) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) throw new Error(`the answer ended without ${text}: ${read}`);
    read += Buffer.from(value).toString();
  }
}

export async function expectWords({ client }: Setting, answer: Response): Promise<void> {
  expect(answer.status).toBe(200);
  const { text, complete, error } = await client.read(answer);
  expect({ text, complete, error }).toEqual({
    text: words,
    complete: true,
    error: undefined,
  });
}

export async function expectLeft({ gateway }: Scene, attempts: number): Promise<void> {
  await gateway.idle();
  expect(await gateway.newest()).toMatchObject({ status: "client_closed", attempts });
  expect((await gateway.store.requests({ limit: 10 })).rows.length).toBe(1);
}
