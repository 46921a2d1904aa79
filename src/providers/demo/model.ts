// The demo models, by name.
import { DemoFailure, plannedFailure } from "./failure.ts";

export type DemoModel =
  | { kind: "echo"; delayMs: number }
  | { kind: "fixed"; text: string; delayMs: number };

/** `slow` waits so long before each word. */
const slowMs = 100;

/** @throws DemoFailure what `error-<status>` stands for; 404 for a name that is no demo model. */
export function findModel(name: string): DemoModel {
  // Calls past the gateway may carry the provider's name.
  const model = name.replace(/^demo\//, "");
  if (model === "echo") return { kind: "echo", delayMs: 0 };
  if (model === "slow") return { kind: "echo", delayMs: slowMs };
  if (model.startsWith("fixed:")) {
    return { kind: "fixed", text: model.slice("fixed:".length), delayMs: 0 };
  }
  const status = /^error-([45]\d\d)$/.exec(model)?.[1];
  if (status !== undefined) throw plannedFailure(Number(status));
  throw new DemoFailure(
    404,
    `The model \`${name.slice(0, 100)}\` does not exist or you do not have access to it.`,
    { code: "model_not_found" },
  );
}
