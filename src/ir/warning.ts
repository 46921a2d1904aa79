// What a translation could not carry. Nothing is dropped unseen.

/** One loss: `field` as the client wrote it (a path such as `tools[0].strict`), why, and the dialect or provider that cannot take it. */
export interface Warning {
  field: string;
  reason: string;
  target: string;
}
