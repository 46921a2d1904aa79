// `bun run bench [name …] [--json]`: every measurement that the documentation quotes.
// `bun run bench money [--requests 100000]`
// `bun run bench outage [--seconds 60] [--fault refused|500]`, `bun run bench hedge [--seconds 60]`
import { parseArgs } from "node:util";
import type { OutageOptions } from "./outage.ts";

/** `data`: the figures for `--json`, where there are some besides the rows. */
type Bench = () => Promise<{ title: string; rows: string[]; data?: object }>;

// `auto` takes words of its own: CSV files and flags.
const [first, ...rest] = process.argv.slice(2);
const ofAuto = first === "auto" ? rest : [];

const benches: Readonly<Record<string, Bench>> = {
  start: async () => (await import("./start.ts")).runStartBench(),
  http: async () => (await import("./http.ts")).runHttpBench(),
  store: async () => (await import("./store.ts")).runStoreBench(),
  admission: async () => (await import("./admission.ts")).runAdmissionBench(),
  "admission-path": async () => (await import("./admission-path.ts")).runAdmissionPathBench(),
  money: async () =>
    (await import("./money.ts")).runMoneyBench({ requests: Number(values.requests) }),
  json: async () => (await import("./json.ts")).runJsonBench(),
  auto: async () => (await import("./auto.ts")).runAutoBench(ofAuto),
  outage: async () => (await import("./outage.ts")).runOutageBench(ofOutage()),
  hedge: async () =>
    (await import("./hedge.ts")).runHedgeBench({ seconds: Number(values.seconds) }),
  codec: async () => (await import("./codec.ts")).runCodecBench(),
};

const { positionals, values } = parseArgs({
  args: first === "auto" ? [first] : process.argv.slice(2),
  allowPositionals: true,
  options: {
    json: { type: "boolean" },
    seconds: { type: "string", default: "60" },
    requests: { type: "string", default: "2000" },
    fault: { type: "string" },
  },
});

function ofOutage(): OutageOptions {
  const faults = (["refused", "500"] as const).filter(
    (fault) => values.fault === undefined || values.fault === fault,
  );
  const seconds = Number(values.seconds);
  if (faults.length === 0 || !(seconds > 0)) {
    console.error("`--seconds` is a number above 0, `--fault` is `refused` or `500`.");
    process.exit(2);
  }
  return { seconds, faults };
}

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
  const { title, rows, data } = await benches[name]!();
  if (values.json) console.log(JSON.stringify({ name, title, ...(data ?? { rows }) }));
  else console.log(`\n${title}\n${rows.map((row) => `  ${row}`).join("\n")}`);
}
