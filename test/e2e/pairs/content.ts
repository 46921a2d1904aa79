// Text, system prompts, turns, images and files.
import { expect } from "bun:test";
import { pdf, pdfShown, png, pngShown } from "../../support/pairs/media.ts";
import { scenes } from "../../support/pairs/scenes.ts";
import { systemTexts } from "../../support/pairs/sent.ts";
import type { Stage } from "../../support/pairs/stage.ts";

const text = "Grüße, 你好, مرحبا 🙂 — “quoted”, \\back\\slash and\n\ttabs.";

export function contentScenes(stage: () => Stage): void {
  scenes("text", stage, async ({ ask, stage: { upstreams }, upstream }) => {
    const { reply, lost } = await ask({ messages: [{ role: "user", text }] });
    expect(reply).toMatchObject({ text, finish: "stop", calls: [], reasoning: "" });
    expect(lost).toEqual([]);
    upstreams[upstream].script({ kind: "text", text: "Scripted." });
    expect((await ask({ messages: [{ role: "user", text }] })).reply.text).toBe("Scripted.");
  });

  scenes("system prompt", stage, async ({ ask, upstream }) => {
    const system = "Be brief.\nAnswer in Latin.";
    const { reply, body, lost } = await ask({
      system,
      messages: [{ role: "user", text: "Salve" }],
    });
    expect(reply.text).toBe("Salve");
    expect(systemTexts(upstream, body)).toEqual([system]);
    expect(lost).toEqual([]);
  });

  scenes("several turns", stage, async ({ ask }) => {
    const first = await ask({ messages: [{ role: "user", text: "one" }] });
    const { reply, body, lost } = await ask({
      messages: [
        { role: "user", text: "one" },
        { role: "echo", reply: first.reply },
        { role: "user", text: "two" },
        { role: "assistant", text: "I see." },
        { role: "user", text: "three" },
      ],
    });
    expect(reply.text).toBe("three");
    expect(lost).toEqual([]);
    const roles = (body["messages"] as { role: string }[]).map(({ role }) => role);
    expect(roles).toEqual(["user", "assistant", "user", "assistant", "user"]);
    expect(JSON.stringify(body["messages"])).toContain("I see.");
  });

  scenes("image as base64", stage, async ({ ask }) => {
    const { reply, lost } = await ask({
      messages: [
        {
          role: "user",
          text: "What is it?",
          media: [{ kind: "image", base64: png, mediaType: "image/png" }],
        },
      ],
    });
    expect(reply.text).toBe(`What is it? ${pngShown}`);
    expect(lost).toEqual([]);
  });

  scenes("image by URL", stage, async ({ ask }) => {
    const url = "https://example.com/picture.png?size=1&x=%20y";
    const { reply, lost } = await ask({
      messages: [{ role: "user", text: "What is it?", media: [{ kind: "image", url }] }],
    });
    expect(reply.text).toBe(`What is it? [image ${url}]`);
    expect(lost).toEqual([]);
  });

  scenes("PDF as base64", stage, async ({ ask }) => {
    const { reply, lost } = await ask({
      messages: [
        {
          role: "user",
          text: "Sum it up.",
          media: [{ kind: "pdf", base64: pdf, mediaType: "application/pdf" }],
        },
      ],
    });
    expect(reply.text).toBe(`Sum it up. ${pdfShown}`);
    expect(lost).toEqual([]);
  });
}
