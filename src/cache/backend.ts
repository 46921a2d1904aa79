// What holds cached answers: the ledger's database is one, and whatever does the same may be another.
import type { CachedAnswer, CachedAnswers } from "../store/cached-answers.ts";

export type { CachedAnswer };

/** All methods reject where it cannot be reached. */
export type CacheBackend = Pick<CachedAnswers, "get" | "put" | "size" | "evict" | "sweep">;
