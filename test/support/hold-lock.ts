// A process that takes the lock of a data directory (its argument) and holds it until it dies.
import { acquireLock } from "../../src/store/store.ts";

acquireLock(process.argv[2] ?? "");
console.log("locked");
setInterval(() => {}, 60_000);
