// Builders of the field tables that proto-JSON is read by.
import type { Enumeration, Field, Kind, Message } from "./google-proto.ts";

export const one = (kind: Kind): Field => ({ kind });
export const list = (kind: Kind): Field => ({ kind, many: "list" });
export const map = (kind: Kind): Field => ({ kind, many: "map" });
export const oneof = (name: string, kind: Kind): Field => ({ kind, oneof: name });

export type Fields = Readonly<Record<string, Field>>;

export const message = (name: string, fields: () => Fields): Message => {
  let table: Fields | undefined;
  return {
    message: name,
    fields: () => (table ??= fields()),
  };
};

export const oneEnum = (name: string, ...values: string[]): Enumeration => ({ enum: name, values });
