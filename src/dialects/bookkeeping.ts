// Fields of answers that tell how an answer was made and nothing of what it says.

/** Almost every answer has some: a warning about each would hide those about real losses. */
const fields: ReadonlySet<string> = new Set(["service_tier", "system_fingerprint"]);

/** True for a field of an answer that another wire may leave out without a word. In requests the same name can be a wish. */
export const isBookkeeping = (field: string): boolean => fields.has(field);
