import { exchangesOf, type Wire, isStreamed, bytesOf } from "/work/main/test/support/wire/exchange.ts";
import { startReplay, modelAt, recordingOf } from "/work/main/test/support/wire/replay.ts";
import { lenient, tellPayloads, recordedPayloads, failureIn, onlyIn, messageIn } from "/work/main/test/support/wire/told.ts";
import * as o from "/work/main/test/support/wire/sdk/openai.ts";
import * as a from "/work/main/test/support/wire/sdk/anthropic.ts";
import * as g from "/work/main/test/support/wire/sdk/google.ts";
import * as l from "/work/main/test/support/wire/sdk/ollama.ts";
import * as c from "/work/main/test/support/wire/sdk/cohere.ts";
import * as w from "/work/main/test/support/wire/sdk/aws.ts";
const r = await startReplay();
const sdks: any = { "openai-chat": o.openaiChat(r), "openai-responses": o.openaiResponses(r), "anthropic-messages": a.anthropicMessages(r), gemini: g.gemini(r), ollama: l.ollamaChat(r), "bedrock-converse": w.bedrockConverse(r), cohere: c.cohere(r), "bedrock-invoke": w.bedrockInvoke(r), "vertex": a.vertexRaw(r) };
const wires: Wire[] = (process.argv[2] ? process.argv[2].split(",") : ["openai-chat","openai-responses","anthropic-messages","gemini","ollama","bedrock-converse","cohere","bedrock-invoke"]) as any;
const clients = process.argv[3] ? process.argv[3].split(",") : Object.keys(sdks);
const step = Number(process.argv[4] ?? 1);
const groups = new Map<string, string[]>();
const note = (k: string, v: string) => { const gl = groups.get(k) ?? []; groups.set(k, gl); gl.push(v); };
const canon = (args: string) => { try { return JSON.stringify(JSON.parse(args)); } catch { return args; } };
let n = 0; const t0 = performance.now();
for (const wire of wires) {
  const exs = exchangesOf(wire).filter((_, i) => i % step === 0);
  for (const client of clients) {
    const t1 = performance.now();
    let ok = 0;
    for (const ex of exs) {
      n++;
      const K = `${wire} -> ${client}`;
      r.play(recordingOf(ex));
      let heard: any;
      try { heard = await sdks[client].ask(modelAt(wire, "recorded"), ex.stream); } catch (e) { note(K + " THROW", ex.id + " " + e); continue; }
      const ans = await r.last().catch((e) => null);
      const streamed = isStreamed(ex);
      const rp = recordedPayloads(wire, ex, streamed);
      const fail = ex.response.status >= 400 ? { message: messageIn(ex.response.body) } : failureIn(wire, rp);
      if (fail) {
        if (!heard.failure) note(K + " error unheard", ex.id);
        else if (!heard.failure.message.includes(fail.message)) note(K + " error message", ex.id + ` ${ex.response.status} ${JSON.stringify(fail.message).slice(0,200)} BUT ${heard.failure.status} ${JSON.stringify(heard.failure.message).slice(0, 300)}`);
        else if (ex.response.status >= 400 && heard.failure.status !== ex.response.status) note(K + " error status", ex.id + ` ${ex.response.status} BUT ${heard.failure.status}`);
        else ok++;
        continue;
      }
      if (heard.failure) { note(K + " FAILED " + heard.failure.message.slice(0, 60), ex.id + " " + heard.failure.status + " " + heard.failure.message.slice(0, 300)); continue; }
      const before: any = lenient(tellPayloads(wire, rp, streamed));
      const cw = sdks[client].wire;
      const after: any = lenient(tellPayloads(cw, heard.payloads, ex.stream));
      let same = true;
      const cmp = (tag: string, after: any) => {
      for (const key of ["text","reasoning","calls","citations","images","finish","usage"]) {
        let [x, y] = [before[key], after[key]];
        if (key === "calls") { x = x.map((q: any) => ({ ...q, args: canon(q.args) })); y = y.map((q: any) => ({ ...q, args: canon(q.args) })); }
        if (key === "usage" && x && y) { 
          for (const u of Object.keys(x)) if (x[u] !== y[u]) { same = false; note(K + tag + " usage." + u, ex.id + ` ${JSON.stringify(x)} => ${JSON.stringify(y)}`); }
          continue;
        }
        if (key === "usage" && !x) continue;
        if (!Bun.deepEquals(x, y)) { same = false; note(K + tag + " " + key, ex.id + ` ${JSON.stringify(x)?.slice(0, 300)} => ${JSON.stringify(y)?.slice(0, 300)}`); }
      }};
      cmp("", after);
      if (heard.whole) cmp(" (whole)", lenient(tellPayloads(cw, [heard.whole], false)));
      // spelling
      const raw: any = (() => { try { return lenient(tellPayloads(cw, (await0(cw, ans)), ex.stream)); } catch (e) { return null; } })();
      if (same) ok++;
      if (ans && wire !== client && before) {
        const str = onlyIn(wire, rp);
        if (str.length && ans.row.warnings.length === 0) note(K + " unwarned " + str.join(","), ex.id);
        if (raw && !Bun.deepEquals(raw.calls, before.calls) && Bun.deepEquals(raw.calls.map((q: any) => canon(q.args)), before.calls.map((q: any) => canon(q.args)))) note(K + " spelling", ex.id + ` ${JSON.stringify(before.calls).slice(0, 200)} => ${JSON.stringify(raw.calls).slice(0, 200)}`);
      }
    }
    console.log(`${wire} -> ${client}: ${ok}/${exs.length} in ${((performance.now() - t1)/1000).toFixed(1)}s`);
  }
}
import { payloadsOf } from "/work/main/test/support/wire/payloads.ts";
function await0(cw: any, ans: any) { return payloadsOf(cw, ans.bytes, ans.headers.get("content-type") !== "application/json"); }
for (const [k, v] of groups) { console.log(`\n## ${k}: ${v.length}`); for (const x of v.slice(0, 3)) console.log("   ", x.slice(0, 700)); }
console.log(n, "asked in", ((performance.now() - t0) / 1000).toFixed(1));
await r.close();
process.exit(0);
