// `bun run bench [name …]`: every measurement that the documentation quotes.
import { parseArgs } from "node:util";

type Bench = () => Promise<{ title: string; rows: string[] }>;

const benches: Readonly<Record<string, Bench>> = {
  start: async () => (await import("./start.ts")).runStartBench(),
  http: async () => (await import("./http.ts")).runHttpBench(),
  store: async () => (await import("./store.ts")).runStoreBench(),
  json: async () => (await import("./json.ts")).runJsonBench(),
};

const { positionals } = parseArgs({ allowPositionals: true });
const wanted = positionals.length > 0 ? positionals : Object.keys(benches);
const unknown = wanted.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(
    `No such benchmark: ${unknown.join(", ")}. There are: ${Object.keys(benches).join(", ")}`,
  );
  process.exit(2);
}
for (const name of wanted) {
  process.stderr.write(`running ${name} …\n`);
  const { title, rows } = await benches[name]!();
  console.log(`\n${title}\n${rows.map((row) => `  ${row}`).join("\n")}`);
}
