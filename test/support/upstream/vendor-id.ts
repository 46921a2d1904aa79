// Ids in the vendors' spelling: a prefix, then letters and digits.
import { createId } from "../../../src/lib/id.ts";

/** @example createVendorId("msg_01") // → "msg_010192f0c2…" */
export const createVendorId = (prefix: string): string => prefix + createId("").slice(1);
