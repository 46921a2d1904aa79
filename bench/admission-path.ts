// What a budget costs a request through the whole gateway: a key without, with one and with four budgets, taken in turns.
import { chatRequest, type Key, openScene } from "../test/support/money/scene.ts";
import { median } from "./measure.ts";

const rounds = 7;
const atOnce = 32;
const count = 32 * 40;

/** Measures in one process, with the provider in it: all of the difference is the gateway's. */
export async function runAdmissionPathBench(): Promise<{
  title: string;
  rows: string[];
  data: object;
}> {
  const scene = await openScene();
  const huge = 10n ** 18n;
  try {
    const kinds = new Map<string, Key>();
    kinds.set("no budget", await scene.key());
    const one = await scene.key();
    await scene.budget([one.subject], huge);
    kinds.set("its own budget", one);
    const four = await scene.key({ tags: ["bench"] });
    for (const each of [null, null, "end_user"] as const) {
      await scene.budget([four.subject], huge, { each });
    }
    await scene.budget([{ kind: "tag", id: "bench" }], huge);
    kinds.set("four budgets", four);
    const measure = async (key: Key): Promise<[wall: number, cpu: number]> => {
      let left = count;
      const usage = process.cpuUsage();
      const began = performance.now();
      const lane = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          const { path, init } = chatRequest("openai", key, { plan: { id: "bench" } });
          const answer = await scene.running.fetch(path, init);
          await answer.text();
          if (answer.status !== 200) throw new Error(`${answer.status}`);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, lane));
      const wall = ((performance.now() - began) * 1_000) / count;
      const { user, system } = process.cpuUsage(usage);
      return [wall, (user + system) / count];
    };
    const found = new Map<string, [number, number][]>([...kinds.keys()].map((name) => [name, []]));
    // The first round warms up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, key] of kinds) {
        const times = await measure(key);
        if (round > 0) found.get(name)?.push(times);
      }
    }
    const middle = (name: string, which: 0 | 1): number =>
      median((found.get(name) ?? []).map((each) => each[which]));
    const rows = [...kinds.keys()].map((name) => {
      const [wall, cpu] = [middle(name, 0), middle(name, 1)];
      const more = cpu - middle("no budget", 1);
      const rate = Math.round(1e6 / wall).toLocaleString("en");
      return `${name.padEnd(16)} ${rate.padStart(8)} requests/s   ${cpu.toFixed(0).padStart(6)} CPU µs${name === "no budget" ? "" : `   +${more.toFixed(0)} µs`}`;
    });
    const data = [...kinds.keys()].map((name) => ({
      name,
      wallMicros: middle(name, 0),
      cpuMicros: middle(name, 1),
    }));
    return {
      title: `Admission through the whole gateway: ${atOnce} at once, SQLite, the double in the same process`,
      rows,
      data: { data },
    };
  } finally {
    await scene.close();
  }
}
