// Asks the configured providers what models they have, all at once.
import type { ResolvedProvider } from "../config/config.ts";
import { readModelList } from "../egress/model-lists.ts";
import type { Egress } from "../egress.ts";
import { GatewayError } from "../ir/error.ts";
import { dim } from "../lib/color.ts";
import type { LiveModel } from "../providers/model-list.ts";

/** What a provider said of its models, or why it said nothing. */
export interface LiveAnswer {
  models: readonly LiveModel[] | null;
  /** For people; null when there is a list, or when the provider has none to give. */
  problem: string | null;
}

/** Answers by the provider's name. Never rejects: a provider that does not answer is a problem of its own. */
export async function askProviders(
  providers: readonly ResolvedProvider[],
  egress: Egress,
): Promise<ReadonlyMap<string, LiveAnswer>> {
  const progress = createProgress(providers.map(({ name }) => name));
  const answers = await Promise.all(
    providers.map(async (provider): Promise<[string, LiveAnswer]> => {
      const answer = await ask(provider, egress);
      progress.done(provider.name);
      return [provider.name, answer];
    }),
  );
  progress.end();
  return new Map(answers);
}

async function ask(provider: ResolvedProvider, egress: Egress): Promise<LiveAnswer> {
  try {
    return { models: await readModelList(provider, egress, process.env), problem: null };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { models: null, problem: error.code === "not_found" ? null : error.message };
  }
}

interface Progress {
  done(name: string): void;
  end(): void;
}

const eraseLine = "\r\u001b[2K";
const shownNames = 4;

/** Who has not answered yet, on one line of standard error; nothing where no person looks. */
function createProgress(names: readonly string[]): Progress {
  const left = new Set(names);
  if (!process.stderr.isTTY) return { done: () => {}, end: () => {} };
  const show = (): void => {
    const shown = [...left].slice(0, shownNames).join(", ");
    const more = left.size > shownNames ? " …" : "";
    const count = `${names.length - left.size}/${names.length}`;
    process.stderr.write(`${eraseLine}${dim(`asking ${count}  ${shown}${more}`)}`);
  };
  if (left.size > 0) show();
  return {
    done(name) {
      left.delete(name);
      if (left.size > 0) show();
    },
    end: () => process.stderr.write(eraseLine),
  };
}
