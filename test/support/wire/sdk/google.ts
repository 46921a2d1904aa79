// Google's SDK.
import { GoogleGenAI } from "@google/genai";
import { type Door, hear, key, payload, type Sdk } from "./heard.ts";

export function gemini({ origin }: Door): Sdk {
  const { models } = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: origin } });
  return {
    wire: "gemini",
    ask: (model, stream) =>
      hear(async (payloads) => {
        const request = { model, contents: "Hello" };
        if (!stream) payloads.push(payload(await models.generateContent(request)));
        else {
          const answer = await models.generateContentStream(request);
          for await (const chunk of answer) payloads.push(payload(chunk));
        }
        return undefined;
      }),
  };
}
