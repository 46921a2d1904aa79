// What real clients send, through the gateway in this process behind its real listener.
import { replayScenes } from "../support/clients/replay.ts";
import { trapScenes } from "../support/clients/traps.ts";
import type { Serve } from "../support/clients/ground.ts";
import { startInProcess } from "../support/in-process.ts";

const serve: Serve = async (config) => {
  const running = await startInProcess(config);
  const { urls } = await running.listen();
  return { url: urls[0] ?? "", stop: () => running.close() };
};

replayScenes(serve);
trapScenes(serve);
