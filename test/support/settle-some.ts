// A process that opens a store and settles some rows. Arguments: the location as JSON, a prefix, how many.
import { openStore } from "../../src/store/store.ts";
import { locationOf } from "./store-location.ts";
import { usageOf } from "./store-rows.ts";

const [location = "", prefix = "", count = ""] = process.argv.slice(2);
const store = await openStore({ ...locationOf(location), settleTimeoutMs: 20_000 });
await Promise.all(
  Array.from({ length: Number(count) }, (_unused, index) =>
    store.settle(usageOf(`${prefix}-${index}`), []),
  ),
);
await store.close();
