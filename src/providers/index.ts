// Every provider there is, in the order in which people see them.
import { demo } from "./demo.ts";
import { anthropic } from "./presets/anthropic.ts";
import { anthropicCompatible } from "./presets/anthropic-compatible.ts";
import { openai } from "./presets/openai.ts";
import { openaiCompatible } from "./presets/openai-compatible.ts";
import type { Provider } from "./provider.ts";

export const providers: readonly Provider[] = [
  openai,
  anthropic,
  openaiCompatible,
  anthropicCompatible,
  demo,
];

const byId = new Map(providers.map((provider) => [provider.id, provider]));

export const findProvider = (id: string): Provider | undefined => byId.get(id);
