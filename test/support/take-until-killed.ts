// A process that takes its part of rate limits, says so, and waits to be killed: `bun take-until-killed.ts LOCATION WANTS`.
import type { LimitWant } from "../../src/store/limits.ts";
import { openStore } from "../../src/store/store.ts";
import { locationOf } from "./store-location.ts";

const [location = "", wants = "[]"] = process.argv.slice(2);
const store = await openStore({ ...locationOf(location), leaseMs: 1_000 });
await store.recover();
for (let index = 0; ; index += 1) {
  const requestId = `killed-${process.pid}-${index}`;
  const outcome = await store.accounts.admit(
    { requestId, holdId: requestId, costNanos: 0n, expiresMs: 0, accounts: [] },
    JSON.parse(wants) as LimitWant[],
  );
  if (!outcome.admitted) break;
  process.stdout.write(`${requestId}\n`);
}
process.stdout.write("full\n");
setInterval(() => {}, 1_000);
