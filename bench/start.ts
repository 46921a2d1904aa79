// The executable: size, time from start to the first answer, idle memory.
import { statSync } from "node:fs";
import { binary, startDaemon } from "../test/support/daemon.ts";
import { residentMegabytes, spread } from "./measure.ts";

const runs = 10;

export async function runStartBench(): Promise<{ title: string; rows: string[] }> {
  const firstAnswer: number[] = [];
  const memory: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const before = performance.now();
    const daemon = await startDaemon();
    const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"model":"demo/echo","messages":[{"role":"user","content":"hello"}]}',
    });
    await answer.text();
    firstAnswer.push(performance.now() - before);
    if (run < 3) {
      await Bun.sleep(2_000);
      memory.push(residentMegabytes(daemon.process.pid));
    }
    await daemon.dispose();
  }
  return {
    title: "Executable",
    rows: [
      `size                   ${(statSync(binary).size / 1e6).toFixed(1)} MB`,
      `start to first answer  ${spread(firstAnswer, "ms", 0)}, ${runs} runs`,
      `idle memory (RSS)      ${spread(memory, "MB", 0)}`,
    ],
  };
}
