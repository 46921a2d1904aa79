// A source that cannot be imported: what is wrong with it, in words for people.

/** The source cannot be read at all, or what came of it does not pass the check. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}
