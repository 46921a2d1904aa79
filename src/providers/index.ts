// Every provider there is, in the order in which people see them.
import { demo } from "./demo.ts";
import { ai21 } from "./presets/ai21.ts";
import { ai302 } from "./presets/ai302.ts";
import { aihubmix } from "./presets/aihubmix.ts";
import { anthropic } from "./presets/anthropic.ts";
import { anthropicCompatible } from "./presets/anthropic-compatible.ts";
import { assemblyai } from "./presets/assemblyai.ts";
import { azure } from "./presets/azure.ts";
import { azureAi } from "./presets/azure-ai.ts";
import { baseten } from "./presets/baseten.ts";
import { bedrock } from "./presets/bedrock.ts";
import { bedrockMantle } from "./presets/bedrock-mantle.ts";
import { bfl } from "./presets/bfl.ts";
import { byteplus } from "./presets/byteplus.ts";
import { cerebras } from "./presets/cerebras.ts";
import { chutes } from "./presets/chutes.ts";
import { clarifai } from "./presets/clarifai.ts";
import { cloudflare } from "./presets/cloudflare.ts";
import { codestral } from "./presets/codestral.ts";
import { cohere } from "./presets/cohere.ts";
import { cohereCompatible } from "./presets/cohere-compatible.ts";
import { cometapi } from "./presets/cometapi.ts";
import { crusoe } from "./presets/crusoe.ts";
import { dashscope } from "./presets/dashscope.ts";
import { databricks } from "./presets/databricks.ts";
import { deepgram } from "./presets/deepgram.ts";
import { deepinfra } from "./presets/deepinfra.ts";
import { deepseek } from "./presets/deepseek.ts";
import { digitalocean } from "./presets/digitalocean.ts";
import { dockerModelRunner } from "./presets/docker-model-runner.ts";
import { elevenlabs } from "./presets/elevenlabs.ts";
import { fal } from "./presets/fal.ts";
import { fastrouter } from "./presets/fastrouter.ts";
import { featherless } from "./presets/featherless.ts";
import { fireworks } from "./presets/fireworks.ts";
import { friendli } from "./presets/friendli.ts";
import { gemini } from "./presets/gemini.ts";
import { geminiCompatible } from "./presets/gemini-compatible.ts";
import { github } from "./presets/github.ts";
import { githubCopilot } from "./presets/github-copilot.ts";
import { gmi } from "./presets/gmi.ts";
import { groq } from "./presets/groq.ts";
import { heroku } from "./presets/heroku.ts";
import { huggingface } from "./presets/huggingface.ts";
import { hunyuan } from "./presets/hunyuan.ts";
import { hyperbolic } from "./presets/hyperbolic.ts";
import { inception } from "./presets/inception.ts";
import { inferenceNet } from "./presets/inference-net.ts";
import { ioIntelligence } from "./presets/io-intelligence.ts";
import { ionos } from "./presets/ionos.ts";
import { jan } from "./presets/jan.ts";
import { jina } from "./presets/jina.ts";
import { kimiCoding } from "./presets/kimi-coding.ts";
import { koboldcpp } from "./presets/koboldcpp.ts";
import { lambda } from "./presets/lambda.ts";
import { lemonade } from "./presets/lemonade.ts";
import { lingyi } from "./presets/lingyi.ts";
import { litellm } from "./presets/litellm.ts";
import { llamaCpp } from "./presets/llama-cpp.ts";
import { llamafile } from "./presets/llamafile.ts";
import { lmStudio } from "./presets/lm-studio.ts";
import { localai } from "./presets/localai.ts";
import { metaLlama } from "./presets/meta-llama.ts";
import { minimax } from "./presets/minimax.ts";
import { mistral } from "./presets/mistral.ts";
import { mixedbread } from "./presets/mixedbread.ts";
import { modelscope } from "./presets/modelscope.ts";
import { moonshot } from "./presets/moonshot.ts";
import { morph } from "./presets/morph.ts";
import { nanoGpt } from "./presets/nano-gpt.ts";
import { nebius } from "./presets/nebius.ts";
import { nomic } from "./presets/nomic.ts";
import { novita } from "./presets/novita.ts";
import { oci } from "./presets/oci.ts";
import { nscale } from "./presets/nscale.ts";
import { nvidiaNim } from "./presets/nvidia-nim.ts";
import { ollama } from "./presets/ollama.ts";
import { ollamaCloud } from "./presets/ollama-cloud.ts";
import { openai } from "./presets/openai.ts";
import { openaiCompatible } from "./presets/openai-compatible.ts";
import { opencodeGo } from "./presets/opencode-go.ts";
import { opencodeZen } from "./presets/opencode-zen.ts";
import { openrouter } from "./presets/openrouter.ts";
import { ovhcloud } from "./presets/ovhcloud.ts";
import { parasail } from "./presets/parasail.ts";
import { perplexity } from "./presets/perplexity.ts";
import { poe } from "./presets/poe.ts";
import { publicai } from "./presets/publicai.ts";
import { qianfan } from "./presets/qianfan.ts";
import { recraft } from "./presets/recraft.ts";
import { reka } from "./presets/reka.ts";
import { replicate } from "./presets/replicate.ts";
import { requesty } from "./presets/requesty.ts";
import { sagemaker } from "./presets/sagemaker.ts";
import { responsesCompatible } from "./presets/responses-compatible.ts";
import { sambanova } from "./presets/sambanova.ts";
import { sarvam } from "./presets/sarvam.ts";
import { scaleway } from "./presets/scaleway.ts";
import { sglang } from "./presets/sglang.ts";
import { siliconflow } from "./presets/siliconflow.ts";
import { snowflake } from "./presets/snowflake.ts";
import { stability } from "./presets/stability.ts";
import { stepfun } from "./presets/stepfun.ts";
import { synthetic } from "./presets/synthetic.ts";
import { together } from "./presets/together.ts";
import { upstage } from "./presets/upstage.ts";
import { v0 } from "./presets/v0.ts";
import { venice } from "./presets/venice.ts";
import { vercel } from "./presets/vercel.ts";
import { vertex } from "./presets/vertex.ts";
import { vllm } from "./presets/vllm.ts";
import { volcengine } from "./presets/volcengine.ts";
import { volcengineCoding } from "./presets/volcengine-coding.ts";
import { voyage } from "./presets/voyage.ts";
import { wandb } from "./presets/wandb.ts";
import { watsonx } from "./presets/watsonx.ts";
import { writer } from "./presets/writer.ts";
import { xai } from "./presets/xai.ts";
import { xiaomiMimo } from "./presets/xiaomi-mimo.ts";
import { xinference } from "./presets/xinference.ts";
import { zai } from "./presets/zai.ts";
import { zaiCoding } from "./presets/zai-coding.ts";
import { zhipu } from "./presets/zhipu.ts";
import { zhipuCoding } from "./presets/zhipu-coding.ts";
import type { Provider } from "./provider.ts";

export const providers: readonly Provider[] = [
  openai,
  anthropic,
  gemini,
  vertex,
  azure,
  azureAi,
  bedrock,
  bedrockMantle,
  sagemaker,
  watsonx,
  oci,
  mistral,
  codestral,
  cohere,
  groq,
  deepseek,
  xai,
  openrouter,
  together,
  fireworks,
  perplexity,
  cerebras,
  sambanova,
  deepinfra,
  nvidiaNim,
  huggingface,
  cloudflare,
  github,
  githubCopilot,
  vercel,
  moonshot,
  kimiCoding,
  zai,
  zaiCoding,
  zhipu,
  zhipuCoding,
  dashscope,
  minimax,
  siliconflow,
  modelscope,
  volcengine,
  volcengineCoding,
  byteplus,
  qianfan,
  hunyuan,
  stepfun,
  lingyi,
  xiaomiMimo,
  novita,
  nebius,
  hyperbolic,
  lambda,
  nscale,
  featherless,
  friendli,
  baseten,
  gmi,
  crusoe,
  ai21,
  metaLlama,
  reka,
  writer,
  databricks,
  snowflake,
  heroku,
  digitalocean,
  ionos,
  parasail,
  ovhcloud,
  scaleway,
  wandb,
  inferenceNet,
  inception,
  upstage,
  venice,
  chutes,
  poe,
  ollamaCloud,
  opencodeZen,
  opencodeGo,
  fastrouter,
  nanoGpt,
  synthetic,
  aihubmix,
  requesty,
  v0,
  morph,
  clarifai,
  sarvam,
  publicai,
  ioIntelligence,
  ai302,
  cometapi,
  voyage,
  jina,
  mixedbread,
  nomic,
  assemblyai,
  elevenlabs,
  deepgram,
  stability,
  recraft,
  bfl,
  fal,
  replicate,
  ollama,
  lmStudio,
  vllm,
  llamaCpp,
  llamafile,
  sglang,
  localai,
  jan,
  dockerModelRunner,
  lemonade,
  xinference,
  koboldcpp,
  litellm,
  openaiCompatible,
  responsesCompatible,
  anthropicCompatible,
  geminiCompatible,
  cohereCompatible,
  demo,
];

const byId = new Map(providers.map((provider) => [provider.id, provider]));

/** @example findProvider("openai")?.baseUrl // → "https://api.openai.com/v1" */
export const findProvider = (id: string): Provider | undefined => byId.get(id);
