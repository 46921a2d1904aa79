// Declares one test for each combination of client, upstream and stream, and counts those that pass.
import { describe, test } from "bun:test";
import type { Asking, ClientTraits, PairClient, UpstreamName } from "./conversation.ts";
import {
  type ClientName,
  clientTraits,
  type Stage,
  type Talk,
  talk,
  upstreamNames,
} from "./stage.ts";

/** One combination, and the means to talk in it. */
export interface Scene {
  stage: Stage;
  client: PairClient;
  upstream: UpstreamName;
  stream: boolean;
  /** Client and upstream speak one wire. */
  relayed: boolean;
  /** Asks the other upstream in the same conversation. */
  askAt(upstream: UpstreamName, asking: Asking): Promise<Talk>;
  /** Asks; the model is the upstream's plain one unless named. */
  ask(asking: Omit<Asking, "model"> & { model?: string }): Promise<Talk>;
}

/** A model of each upstream that takes every setting but thinking (OpenAI) or one at a time (Anthropic). */
export const plainModels: Readonly<Record<UpstreamName, string>> = {
  openai: "gpt-4o",
  anthropic: "claude-haiku-4-5",
};

export interface Filter {
  clients?: readonly ClientName[];
  upstreams?: readonly UpstreamName[];
  /** By default both. */
  streams?: readonly boolean[];
  /** Only where client and upstream speak different wires. */
  translated?: boolean;
}

/** What stands before a colon in `feature` is counted as one. `stage` is asked for when a test runs. */
export function scenes(
  feature: string,
  stage: () => Stage,
  run: (scene: Scene) => Promise<void>,
  filter: Filter = {},
): void {
  describe(feature, () => {
    for (const name of filter.clients ?? clientsWhere({})) {
      for (const upstream of filter.upstreams ?? upstreamNames) {
        if (filter.translated && clientTraits[name].dialect === wires[upstream]) continue;
        for (const stream of filter.streams ?? [false, true]) {
          test(`${name} → ${upstream}${stream ? ", streamed" : ""}`, async () => {
            const scene = sceneOf(stage(), name, upstream, stream);
            await run(scene);
            scene.stage.matrix.ok(`${name} → ${upstream}`, feature.replace(/:.*/, ""));
          });
        }
      }
    }
  });
}

function sceneOf(stage: Stage, name: string, upstream: UpstreamName, stream: boolean): Scene {
  const client = stage.clients.find((one) => one.name === name);
  if (!client) throw new Error(`there is no client ${name}`);
  return {
    stage,
    client,
    upstream,
    stream,
    relayed: wires[upstream] === client.dialect,
    askAt: (at, asking) => talk(stage, client, at, asking, stream),
    ask: (asking) =>
      talk(stage, client, upstream, { model: plainModels[upstream], ...asking }, stream),
  };
}

/** The wire each upstream speaks. */
export const wires = {
  openai: "openai-chat",
  anthropic: "anthropic-messages",
} as const satisfies Record<UpstreamName, PairClient["dialect"]>;

/** Names of the clients that have all of these traits. */
export const clientsWhere = (traits: Partial<ClientTraits>): ClientName[] =>
  (Object.keys(clientTraits) as ClientName[]).filter((name) =>
    (Object.keys(traits) as (keyof ClientTraits)[]).every(
      (key) => clientTraits[name][key] === traits[key],
    ),
  );
