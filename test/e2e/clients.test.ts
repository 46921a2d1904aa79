// What real clients send, through the executable.
import { replayScenes } from "../support/clients/replay.ts";
import { targets } from "../support/clients/targets.ts";
import { trapScenes } from "../support/clients/traps.ts";
import type { Serve } from "../support/clients/ground.ts";
import { startDaemon } from "../support/daemon.ts";

const serve: Serve = async (config) => {
  // JSON is YAML too.
  const daemon = await startDaemon({ config: JSON.stringify(config) });
  return { url: daemon.url, stop: () => daemon.dispose() };
};

replayScenes(
  serve,
  targets.filter(({ whole }) => whole),
);
trapScenes(serve);
