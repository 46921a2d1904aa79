// What real clients send, through the gateway in this process behind its real listener.
import { configFromObject } from "../../src/config/load.ts";
import { providers } from "../../src/providers/index.ts";
import { replayScenes } from "../support/clients/replay.ts";
import { targets } from "../support/clients/targets.ts";
import { trapScenes } from "../support/clients/traps.ts";
import type { Serve } from "../support/clients/ground.ts";
import { startInProcess } from "../support/in-process.ts";

const serve: Serve = async (config, presets = providers) => {
  const source = () => configFromObject(config, { env: {}, presets });
  const running = await startInProcess(config, { source });
  const { urls } = await running.listen();
  return { url: urls[0] ?? "", stop: () => running.close() };
};

replayScenes(serve, targets);
trapScenes(serve);
