// What every importer is given, and what it gives back.
import type { Provider } from "../providers/provider.ts";
import type { Draft } from "./draft.ts";
import type { Report } from "./report.ts";
import type { Source } from "./source.ts";
import type { Text } from "./text.ts";
import type { Variables } from "./variables.ts";

export interface Job {
  source: Source;
  report: Report;
  draft: Draft;
  variables: Variables;
  presets: readonly Provider[];
  /** The preset of this id; it is a defect of a table when there is none. */
  preset(id: string): Provider;
}

/** One gateway that configurations come from. */
export interface Importer {
  /** As people write it. */
  title: string;
  format: "yaml" | "json";
  /** How its texts name variables. */
  readText(text: string): Text;
  /** @throws ImportError when the text is not a configuration of this kind */
  run(job: Job): void;
}

/** Whether parameters of OpenAI's chats mean the same to this provider. */
export function speaksOpenAi(provider: Provider, job: Job): boolean {
  const wire = job.preset("openai-compatible").speaks.chat?.[0]?.dialect;
  return provider.speaks.chat?.[0]?.dialect === wire;
}
