import { test } from "bun:test";
import fc from "fast-check";
import { dialects } from "/work/main/src/dialects/index.ts";
import { GatewayError } from "/work/main/src/ir/error.ts";
const names = "model input instructions tools tool_choice role content type text image_url file_data call_id name arguments output id status summary encrypted_content include reasoning effort messages functions tool_calls function url data format tool_call_id reasoning_details reasoning_content signature response_format json_schema schema stop max_tokens cache_control annotations audio refusal thinking system source media_type tool_use_id is_error input_schema parts contents functionCall functionResponse functionDeclarations parameters inlineData mimeType thoughtSignature generationConfig systemInstruction args response toolUse toolResult toolUseId toolSpec inputSchema json inferenceConfig additionalModelRequestFields image document format bytes images done message options documents citations candidates finishReason usage choices delta index finish_reason events event toString valueOf toJSON __proto__ constructor prototype".split(" ");
const words = "message system developer user assistant model tool function custom text input_text input_image output_text image tool_use tool_result thinking redacted_thinking document image_url base64 url json_schema object string function_call function_call_output reasoning reasoning.text web_search server_tool_use auto any STOP stop".split(" ");
const { value } = fc.letrec((tie) => ({ value: fc.oneof({ maxDepth: 6, withCrossShrink: true }, fc.constantFrom(...words), fc.string(), fc.constantFrom(null, true, 0, -1, 1.5, 2**53+2), fc.array(tie("value"), { maxLength: 4 }), fc.array(fc.tuple(fc.constantFrom(...names), tie("value")), { maxLength: 6 }).map((es) => JSON.parse(`{${es.map(([n, v]) => `${JSON.stringify(n)}:${JSON.stringify(v)}`).join()}}`))) })) as any;
// objects with typed slots where anything may be hostile
const evil = fc.constantFrom(...['{"toString":"x"}','{"valueOf":1,"toString":null}','{"__proto__":null,"toString":{}}','[{"toString":1}]','{"toJSON":1}'].map((x) => x));
const obj = fc.array(fc.tuple(fc.constantFrom(...names), fc.oneof({weight:3,arbitrary:value},{weight:1,arbitrary:evil.map((x)=>JSON.parse(x))},{weight:2,arbitrary:fc.constantFrom(...words)})), { maxLength: 7 }).map((es:any) => JSON.parse(`{${es.map(([n, v]:any) => `${JSON.stringify(n)}:${JSON.stringify(v)}`).join()}}`));
const part = fc.tuple(fc.constantFrom(...words), obj).map(([t,o]) => ({ ...o, type: t }));
const msg = fc.tuple(fc.constantFrom("user","assistant","system","tool","model"), fc.array(fc.oneof(part,obj),{maxLength:4}), obj).map(([role, c, o]) => ({ ...o, role, content: c, parts: c }));
const body = fc.tuple(obj, fc.array(fc.oneof(msg, part), { minLength: 1, maxLength: 4 }), fc.array(obj,{maxLength:2}), fc.boolean()).map(([o, ms, ts, k]) => ({ max_tokens: 10, ...o, model: "m", messages: ms, input: ms, contents: ms, ...(k?{tools: ts}:{}) }));
const quirks = { toolCallIdLength: 9, acceptsMessageFields: { system: ["role","content"], user: ["role","content"], assistant: ["role","content"], tool: ["role","content"] }, noUserAfterTool: true, systemFirst: true, refusesEmptyTurns: true, plainTools: true, prefillField: "prefix", filePart: "document_url", imageDetails: ["low"], toolChoices: ["auto"], reasoningRequest: "reasoning", reasoningPart: "thinking", maxStop: 1 } as any;
const found = new Map<string, string>();
const guard = (where: string, run: () => void, json: unknown) => { try { run(); } catch (e) { if (e instanceof GatewayError) return; const k = where + " " + (e as Error).message + ((e as Error).stack?.split("\n").find((l) => l.includes("/src/")) ?? ""); if (!found.has(k)) found.set(k, JSON.stringify(json).slice(0, 600)); } };
const all = Object.values(dialects);
test("all", () => {
  let decoded = 0;
  fc.assert(fc.property(body, (json: any) => {
    for (const d of all) {
      let r: any; guard("req.decode " + d.id, () => { r = d.request.decode({ json, text: JSON.stringify(json) }, "chat").value; }, json);
      if (r) { decoded++; for (const t of all) for (const q of [{}, quirks]) guard(`req.encode ${d.id}->${t.id}`, () => { t.request.encode(r, { provider: "p", model: "m", quirks: q, facts: {} }); }, json); }
      guard("foreign " + d.id, () => { d.carriesForeign?.(Buffer.from(JSON.stringify(json)), quirks); }, json);
    }
  }), { numRuns: Number(process.env.RUNS ?? 3000) });
  fc.assert(fc.property(obj, fc.array(fc.oneof(msg, part, obj), {maxLength:3}), (o: any, ms: any) => {
    const json = { ...o, choices: ms.map((m: any) => ({ message: m, delta: m, finish_reason: "stop" })), candidates: ms.map((m: any)=>({content:m})), output: ms, content: ms, message: ms[0] ?? {}, type: "message", id: "x", ...(ms.length>2?{type:o.type}:{}) };
    for (const d of all) {
      let r: any; guard("res.decode " + d.id, () => { r = d.response.decode({ json, text: JSON.stringify(json) }, { dialect: d.id }).value; }, json);
      if (r) { decoded++; for (const t of all) guard(`res.encode ${d.id}->${t.id}`, () => { t.response.encode(r, { model: "m", includeUsage: true, warn() {} }); }, json); }
      guard("stream " + d.id, () => { const s = d.stream.decoder({ dialect: d.id }); const ev: any[] = []; for (const m of [json, ...ms, o]) ev.push(...s.push({ data: JSON.stringify(m), event: typeof m.type === "string" ? m.type : undefined } as any)); ev.push(...s.end()); for (const t of all) { const e = t.stream.encoder({ model: "m", includeUsage: true, warn() {} }); for (const x of ev) e.push(x); } }, json);
    }
  }), { numRuns: Number(process.env.RUNS ?? 3000) });
  console.log("decoded", decoded); for (const [k, v] of found) console.log("FOUND", k, "\n    ", v);
}, 600000);
