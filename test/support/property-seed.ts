// Where the property tests begin: a fixed seed, so that a run's result is the code's and not luck's; `PROPERTY_SEED=random` explores.
import fc from "fast-check";

const { PROPERTY_SEED: seed = "20260101", PROPERTY_RUNS: runs } = process.env;

fc.configureGlobal({
  ...(seed === "random" ? {} : { seed: Number(seed) }),
  ...(runs === undefined ? {} : { numRuns: Number(runs) }),
});
