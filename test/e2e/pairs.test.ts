// Four wires' pairs through the executable: five SDK clients, two strict upstreams, every feature, streamed and not.
import { afterAll, beforeAll } from "bun:test";
import { openStage, type Stage } from "../support/pairs/stage.ts";
import { contentScenes } from "./pairs/content.ts";
import { countingScenes } from "./pairs/counting.ts";
import { edgeScenes } from "./pairs/edges.ts";
import { errorScenes } from "./pairs/errors.ts";
import { ledgerTests } from "./pairs/ledger.ts";
import { loopScenes } from "./pairs/loops.ts";
import { lossScenes } from "./pairs/losses.ts";
import { modelScenes } from "./pairs/models.ts";
import { operationScenes } from "./pairs/operations.ts";
import { outputScenes } from "./pairs/output.ts";
import { reasoningScenes } from "./pairs/reasoning.ts";
import { toolScenes } from "./pairs/tools.ts";
import { usageScenes } from "./pairs/usage.ts";

let current: Stage | undefined;
const stage = (): Stage => {
  if (!current) throw new Error("the stage is not open");
  return current;
};

beforeAll(async () => {
  current = await openStage();
});
afterAll(async () => {
  console.log(stage().matrix.print());
  await stage().stop();
});

contentScenes(stage);
toolScenes(stage);
reasoningScenes(stage);
outputScenes(stage);
usageScenes(stage);
lossScenes(stage);
modelScenes(stage);
edgeScenes(stage);
loopScenes(stage);
countingScenes(stage);
operationScenes(stage);
errorScenes(stage);
ledgerTests(stage);
