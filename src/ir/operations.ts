// Operations besides chat that are translated between dialects: embeddings and rerank. Plain JSON data.
import type { Ext, Part } from "./chat.ts";
import type { Usage } from "./usage.ts";

/** A text, a text as token ids, or mixed content. */
export type EmbedInput =
  | { type: "text"; text: string }
  | { type: "tokens"; tokens: number[] }
  | { type: "parts"; parts: Part[] };

/** What the vectors are for; some models embed a question other than a document. */
export type EmbedPurpose =
  | "query"
  | "document"
  | "classification"
  | "clustering"
  | "similarity"
  | "code-query"
  | "question-answering"
  | "fact-verification";

export interface EmbedRequest {
  model: string;
  inputs: EmbedInput[];
  /** The client gave one input, not a list: some wires answer such a request in another form. */
  single?: boolean;
  dimensions?: number;
  /** How the client wants the vectors spelt. Default `float`. */
  encoding?: "float" | "base64" | "int8" | "uint8" | "binary" | "ubinary";
  purpose?: EmbedPurpose;
  /** What happens to inputs that are too long; absent: as the provider does. */
  truncate?: "start" | "end" | "none";
  user?: string;
  ext: Ext;
}

export interface EmbedResponse {
  id?: string;
  model: string;
  /** In the order of the inputs. Numbers of the encoding that was asked for; base64 answers are decoded. */
  vectors: number[][];
  usage?: Usage;
  ext?: Ext;
}

export interface RerankRequest {
  model: string;
  query: string;
  /** Texts, or objects whose `text` counts. */
  documents: (string | Record<string, unknown>)[];
  topN?: number;
  returnDocuments?: boolean;
  ext: Ext;
}

export interface RerankResponse {
  id?: string;
  model: string;
  /** Best first. `index` is the document's place in the request. */
  results: { index: number; score: number; document?: string | Record<string, unknown> }[];
  usage?: Usage;
  ext?: Ext;
}
