// The official SDKs as clients of embeddings and rerank.
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { connectCohere } from "./sdk/cohere.ts";
import { type Door, key } from "./sdk/heard.ts";

export type EmbedderId = "openai-chat" | "gemini" | "cohere" | "ollama";

/** Embeds so many texts. */
export type Embedder = (model: string, texts: readonly string[]) => Promise<number[][]>;

export function createEmbedders(door: Door): Readonly<Record<EmbedderId, Embedder>> {
  const { fetch, origin } = door;
  const openai = new OpenAI({ apiKey: key, baseURL: "http://gateway/v1", fetch, maxRetries: 0 });
  const google = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: origin } });
  const ollama = new Ollama({ host: "http://gateway", fetch });
  const cohere = connectCohere(door);
  return {
    "openai-chat": async (model, texts) => {
      const { data } = await openai.embeddings.create({ model, input: [...texts] });
      return data.map(({ embedding }) => embedding);
    },
    gemini: async (model, texts) => {
      const { embeddings = [] } = await google.models.embedContent({ model, contents: [...texts] });
      return embeddings.map(({ values = [] }) => values);
    },
    cohere: async (model, texts) => {
      const { embeddings } = await cohere.embed({
        model,
        texts: [...texts],
        inputType: "search_document",
        embeddingTypes: ["float"],
      });
      return embeddings.float ?? [];
    },
    ollama: async (model, texts) => {
      const { embeddings } = await ollama.embed({ model, input: [...texts] });
      return embeddings;
    },
  };
}

/** Ranks so many documents. */
export type Reranker = (
  model: string,
  documents: readonly string[],
) => Promise<{ index: number; score: number }[]>;

export function createReranker(door: Door): Reranker {
  const cohere = connectCohere(door);
  return async (model, documents) => {
    const { results } = await cohere.rerank({ model, query: "q", documents: [...documents] });
    return results.map(({ index, relevanceScore }) => ({ index, score: relevanceScore }));
  };
}
