// Each provider's documented requests: where they go and how they carry the key. The clouds' own are in `cloud.test.ts`.

/**
 * A provider's id, then one line for each of its endpoints: operation (or `pass-through` and a path), dialect, the
 * model or `stream` where it matters, the URL with the examples of the provider's settings, the header with the key
 * (`authorization=Token` is a scheme other than Bearer, `authorization` alone none), other headers.
 */
export const documented = `
openai
  chat openai-chat model=gpt-5.2 https://api.openai.com/v1/chat/completions bearer
  chat openai-responses model=gpt-5-pro https://api.openai.com/v1/responses bearer
  embeddings openai-chat https://api.openai.com/v1/embeddings bearer
  completions openai-chat https://api.openai.com/v1/completions bearer
  moderations openai-chat https://api.openai.com/v1/moderations bearer
  images openai-chat https://api.openai.com/v1/images/generations bearer
  image-edits openai-chat https://api.openai.com/v1/images/edits bearer
  image-variations openai-chat https://api.openai.com/v1/images/variations bearer
  speech openai-chat https://api.openai.com/v1/audio/speech bearer
  transcriptions openai-chat https://api.openai.com/v1/audio/transcriptions bearer
  translations openai-chat https://api.openai.com/v1/audio/translations bearer
  count-tokens openai-responses https://api.openai.com/v1/responses/input_tokens bearer
  compact openai-responses https://api.openai.com/v1/responses/compact bearer
  files openai-chat https://api.openai.com/v1/files bearer
  batches openai-chat https://api.openai.com/v1/batches bearer
  uploads openai-chat https://api.openai.com/v1/uploads bearer
  realtime openai-chat https://api.openai.com/v1/realtime bearer
anthropic
  chat anthropic-messages https://api.anthropic.com/v1/messages x-api-key anthropic-version=2023-06-01
  count-tokens anthropic-messages https://api.anthropic.com/v1/messages/count_tokens x-api-key anthropic-version=2023-06-01
  files anthropic-messages https://api.anthropic.com/v1/files x-api-key anthropic-version=2023-06-01
  batches anthropic-messages https://api.anthropic.com/v1/messages/batches x-api-key anthropic-version=2023-06-01
gemini
  chat gemini model=gemini-2.5-flash https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent x-goog-api-key
  chat gemini model=gemini-2.5-flash stream https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse x-goog-api-key
  chat openai-chat https://generativelanguage.googleapis.com/v1beta/openai/chat/completions bearer
  count-tokens gemini model=gemini-2.5-flash https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens x-goog-api-key
  embeddings gemini model=gemini-2.5-flash https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:batchEmbedContents x-goog-api-key
  embeddings openai-chat https://generativelanguage.googleapis.com/v1beta/openai/embeddings bearer
  images openai-chat https://generativelanguage.googleapis.com/v1beta/openai/images/generations bearer
mistral
  chat openai-chat https://api.mistral.ai/v1/chat/completions bearer
  embeddings openai-chat https://api.mistral.ai/v1/embeddings bearer
  moderations openai-chat https://api.mistral.ai/v1/moderations bearer
  transcriptions openai-chat https://api.mistral.ai/v1/audio/transcriptions bearer
codestral
  chat openai-chat https://codestral.mistral.ai/v1/chat/completions bearer
cohere
  chat cohere https://api.cohere.com/v2/chat bearer
  chat openai-chat https://api.cohere.com/compatibility/v1/chat/completions bearer
  embeddings cohere https://api.cohere.com/v2/embed bearer
  embeddings openai-chat https://api.cohere.com/compatibility/v1/embeddings bearer
  rerank cohere https://api.cohere.com/v2/rerank bearer
groq
  chat openai-chat https://api.groq.com/openai/v1/chat/completions bearer
  chat openai-responses https://api.groq.com/openai/v1/responses bearer
  speech openai-chat https://api.groq.com/openai/v1/audio/speech bearer
  transcriptions openai-chat https://api.groq.com/openai/v1/audio/transcriptions bearer
  translations openai-chat https://api.groq.com/openai/v1/audio/translations bearer
  files openai-chat https://api.groq.com/openai/v1/files bearer
  batches openai-chat https://api.groq.com/openai/v1/batches bearer
deepseek
  chat openai-chat https://api.deepseek.com/v1/chat/completions bearer
  chat openai-responses https://api.deepseek.com/responses bearer
  chat anthropic-messages https://api.deepseek.com/anthropic/v1/messages x-api-key anthropic-version=2023-06-01
xai
  chat openai-chat https://api.x.ai/v1/chat/completions bearer
  chat openai-responses https://api.x.ai/v1/responses bearer
  completions openai-chat https://api.x.ai/v1/completions bearer
  images openai-chat https://api.x.ai/v1/images/generations bearer
openrouter
  chat openai-chat https://openrouter.ai/api/v1/chat/completions bearer
  chat openai-responses https://openrouter.ai/api/v1/responses bearer
  chat anthropic-messages https://openrouter.ai/api/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://openrouter.ai/api/v1/embeddings bearer
  completions openai-chat https://openrouter.ai/api/v1/completions bearer
together
  chat openai-chat https://api.together.xyz/v1/chat/completions bearer
  embeddings openai-chat https://api.together.xyz/v1/embeddings bearer
  completions openai-chat https://api.together.xyz/v1/completions bearer
  images openai-chat https://api.together.xyz/v1/images/generations bearer
  speech openai-chat https://api.together.xyz/v1/audio/speech bearer
  transcriptions openai-chat https://api.together.xyz/v1/audio/transcriptions bearer
  translations openai-chat https://api.together.xyz/v1/audio/translations bearer
  rerank cohere https://api.together.xyz/v1/rerank bearer
fireworks
  chat openai-chat https://api.fireworks.ai/inference/v1/chat/completions bearer
  chat openai-responses https://api.fireworks.ai/inference/v1/responses bearer
  chat anthropic-messages https://api.fireworks.ai/inference/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://api.fireworks.ai/inference/v1/embeddings bearer
  completions openai-chat https://api.fireworks.ai/inference/v1/completions bearer
perplexity
  chat openai-chat https://api.perplexity.ai/chat/completions bearer
  chat openai-responses https://api.perplexity.ai/v1/responses bearer
cerebras
  chat openai-chat https://api.cerebras.ai/v1/chat/completions bearer
  completions openai-chat https://api.cerebras.ai/v1/completions bearer
sambanova
  chat openai-chat https://api.sambanova.ai/v1/chat/completions bearer
  chat openai-responses https://api.sambanova.ai/v1/responses bearer
  chat anthropic-messages model=gpt-oss-120b https://api.sambanova.ai/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://api.sambanova.ai/v1/embeddings bearer
deepinfra
  chat openai-chat https://api.deepinfra.com/v1/openai/chat/completions bearer
  embeddings openai-chat https://api.deepinfra.com/v1/openai/embeddings bearer
  completions openai-chat https://api.deepinfra.com/v1/openai/completions bearer
  images openai-chat https://api.deepinfra.com/v1/openai/images/generations bearer
  speech openai-chat https://api.deepinfra.com/v1/openai/audio/speech bearer
  transcriptions openai-chat https://api.deepinfra.com/v1/openai/audio/transcriptions bearer
  translations openai-chat https://api.deepinfra.com/v1/openai/audio/translations bearer
nvidia_nim
  chat openai-chat https://integrate.api.nvidia.com/v1/chat/completions bearer
  embeddings openai-chat https://integrate.api.nvidia.com/v1/embeddings bearer
  completions openai-chat https://integrate.api.nvidia.com/v1/completions bearer
huggingface
  chat openai-chat https://router.huggingface.co/v1/chat/completions bearer
  chat openai-responses https://router.huggingface.co/v1/responses bearer
cloudflare
  chat openai-chat https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/v1/chat/completions bearer
  chat openai-responses https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/v1/responses bearer
  embeddings openai-chat https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/v1/embeddings bearer
github
  chat openai-chat https://models.github.ai/inference/chat/completions bearer
  embeddings openai-chat https://models.github.ai/inference/embeddings bearer
github_copilot
  chat openai-chat https://api.githubcopilot.com/chat/completions bearer
  chat openai-responses https://api.githubcopilot.com/responses bearer
  chat anthropic-messages model=claude-sonnet-4-5 https://api.githubcopilot.com/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://api.githubcopilot.com/embeddings bearer
vercel
  chat openai-chat https://ai-gateway.vercel.sh/v1/chat/completions bearer
  chat openai-responses https://ai-gateway.vercel.sh/v1/responses bearer
  chat anthropic-messages https://ai-gateway.vercel.sh/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://ai-gateway.vercel.sh/v1/embeddings bearer
moonshot
  chat openai-chat https://api.moonshot.ai/v1/chat/completions bearer
  chat openai-responses https://api.moonshot.ai/v1/responses bearer
  chat anthropic-messages https://api.moonshot.ai/anthropic/v1/messages bearer anthropic-version=2023-06-01
kimi_coding
  chat openai-chat https://api.kimi.com/coding/v1/chat/completions bearer
  chat anthropic-messages https://api.kimi.com/coding/v1/messages x-api-key anthropic-version=2023-06-01
zai
  chat openai-chat https://api.z.ai/api/paas/v4/chat/completions bearer
  chat anthropic-messages https://api.z.ai/api/anthropic/v1/messages bearer anthropic-version=2023-06-01
  images openai-chat https://api.z.ai/api/paas/v4/images/generations bearer
  transcriptions openai-chat https://api.z.ai/api/paas/v4/audio/transcriptions bearer
zai_coding
  chat openai-chat https://api.z.ai/api/coding/paas/v4/chat/completions bearer
  chat anthropic-messages https://api.z.ai/api/anthropic/v1/messages bearer anthropic-version=2023-06-01
zhipu
  chat openai-chat https://open.bigmodel.cn/api/paas/v4/chat/completions bearer
  chat anthropic-messages https://open.bigmodel.cn/api/anthropic/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://open.bigmodel.cn/api/paas/v4/embeddings bearer
  images openai-chat https://open.bigmodel.cn/api/paas/v4/images/generations bearer
  speech openai-chat https://open.bigmodel.cn/api/paas/v4/audio/speech bearer
  transcriptions openai-chat https://open.bigmodel.cn/api/paas/v4/audio/transcriptions bearer
  rerank cohere https://open.bigmodel.cn/api/paas/v4/rerank bearer
zhipu_coding
  chat openai-chat https://open.bigmodel.cn/api/coding/paas/v4/chat/completions bearer
  chat anthropic-messages https://open.bigmodel.cn/api/anthropic/v1/messages bearer anthropic-version=2023-06-01
dashscope
  chat openai-chat https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions bearer
  chat openai-responses https://dashscope-intl.aliyuncs.com/api/v2/apps/protocols/compatible-mode/v1/responses bearer
  chat anthropic-messages https://dashscope-intl.aliyuncs.com/apps/anthropic/v1/messages x-api-key anthropic-version=2023-06-01
  embeddings openai-chat https://dashscope-intl.aliyuncs.com/compatible-mode/v1/embeddings bearer
  files openai-chat https://dashscope-intl.aliyuncs.com/compatible-mode/v1/files bearer
  batches openai-chat https://dashscope-intl.aliyuncs.com/compatible-mode/v1/batches bearer
minimax
  chat openai-chat https://api.minimax.io/v1/chat/completions bearer
  chat anthropic-messages https://api.minimax.io/anthropic/v1/messages bearer anthropic-version=2023-06-01
siliconflow
  chat openai-chat https://api.siliconflow.cn/v1/chat/completions bearer
  chat anthropic-messages https://api.siliconflow.cn/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://api.siliconflow.cn/v1/embeddings bearer
  images openai-chat https://api.siliconflow.cn/v1/images/generations bearer
  speech openai-chat https://api.siliconflow.cn/v1/audio/speech bearer
  transcriptions openai-chat https://api.siliconflow.cn/v1/audio/transcriptions bearer
  rerank cohere https://api.siliconflow.cn/v1/rerank bearer
modelscope
  chat openai-chat https://api-inference.modelscope.cn/v1/chat/completions bearer
  embeddings openai-chat https://api-inference.modelscope.cn/v1/embeddings bearer
volcengine
  chat openai-chat https://ark.cn-beijing.volces.com/api/v3/chat/completions bearer
  chat openai-responses https://ark.cn-beijing.volces.com/api/v3/responses bearer
  embeddings openai-chat https://ark.cn-beijing.volces.com/api/v3/embeddings bearer
  images openai-chat https://ark.cn-beijing.volces.com/api/v3/images/generations bearer
volcengine_coding
  chat openai-chat https://ark.cn-beijing.volces.com/api/coding/v3/chat/completions bearer
  chat anthropic-messages https://ark.cn-beijing.volces.com/api/coding/v1/messages bearer anthropic-version=2023-06-01
byteplus
  chat openai-chat https://ark.ap-southeast.bytepluses.com/api/v3/chat/completions bearer
  chat openai-responses https://ark.ap-southeast.bytepluses.com/api/v3/responses bearer
  embeddings openai-chat https://ark.ap-southeast.bytepluses.com/api/v3/embeddings bearer
  images openai-chat https://ark.ap-southeast.bytepluses.com/api/v3/images/generations bearer
qianfan
  chat openai-chat https://qianfan.baidubce.com/v2/chat/completions bearer
  embeddings openai-chat https://qianfan.baidubce.com/v2/embeddings bearer
  images openai-chat https://qianfan.baidubce.com/v2/images/generations bearer
hunyuan
  chat openai-chat https://api.hunyuan.cloud.tencent.com/v1/chat/completions bearer
  embeddings openai-chat https://api.hunyuan.cloud.tencent.com/v1/embeddings bearer
stepfun
  chat openai-chat https://api.stepfun.com/v1/chat/completions bearer
  images openai-chat https://api.stepfun.com/v1/images/generations bearer
  speech openai-chat https://api.stepfun.com/v1/audio/speech bearer
  transcriptions openai-chat https://api.stepfun.com/v1/audio/transcriptions bearer
lingyi
  chat openai-chat https://api.lingyiwanwu.com/v1/chat/completions bearer
xiaomi_mimo
  chat openai-chat https://api.xiaomimimo.com/v1/chat/completions bearer
  chat anthropic-messages https://api.xiaomimimo.com/anthropic/v1/messages bearer anthropic-version=2023-06-01
novita
  chat openai-chat https://api.novita.ai/v3/openai/chat/completions bearer
  chat anthropic-messages https://api.novita.ai/anthropic/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://api.novita.ai/v3/openai/embeddings bearer
  completions openai-chat https://api.novita.ai/v3/openai/completions bearer
nebius
  chat openai-chat https://api.tokenfactory.nebius.com/v1/chat/completions bearer
  embeddings openai-chat https://api.tokenfactory.nebius.com/v1/embeddings bearer
  completions openai-chat https://api.tokenfactory.nebius.com/v1/completions bearer
  images openai-chat https://api.tokenfactory.nebius.com/v1/images/generations bearer
hyperbolic
  chat openai-chat https://api.hyperbolic.xyz/v1/chat/completions bearer
  completions openai-chat https://api.hyperbolic.xyz/v1/completions bearer
lambda
  chat openai-chat https://api.lambda.ai/v1/chat/completions bearer
  completions openai-chat https://api.lambda.ai/v1/completions bearer
nscale
  chat openai-chat https://inference.api.nscale.com/v1/chat/completions bearer
  images openai-chat https://inference.api.nscale.com/v1/images/generations bearer
featherless
  chat openai-chat https://api.featherless.ai/v1/chat/completions bearer
  completions openai-chat https://api.featherless.ai/v1/completions bearer
friendli
  chat openai-chat https://api.friendli.ai/serverless/v1/chat/completions bearer
  completions openai-chat https://api.friendli.ai/serverless/v1/completions bearer
baseten
  chat openai-chat https://inference.baseten.co/v1/chat/completions bearer
gmi
  chat openai-chat https://api.gmi-serving.com/v1/chat/completions bearer
crusoe
  chat openai-chat https://api.inference.crusoecloud.com/v1/chat/completions bearer
ai21
  chat openai-chat https://api.ai21.com/studio/v1/chat/completions bearer
meta_llama
  chat openai-chat https://api.llama.com/compat/v1/chat/completions bearer
reka
  chat openai-chat https://api.reka.ai/v1/chat/completions bearer
writer
  pass-through /chat https://api.writer.com/v1/chat bearer
databricks
  chat gemini model=gemini-2.5-flash https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/gemini/v1beta/models/gemini-2.5-flash:generateContent bearer
  chat gemini model=gemini-2.5-flash stream https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/gemini/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse bearer
  chat openai-chat https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/chat/completions bearer
  chat openai-responses model=gpt-5 https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/responses bearer
  chat anthropic-messages model=claude-sonnet-4-5 https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/anthropic/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/embeddings bearer
  completions openai-chat https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/completions bearer
snowflake
  chat openai-chat https://myorg-account1.snowflakecomputing.com/api/v2/cortex/v1/chat/completions bearer
  chat anthropic-messages model=claude-sonnet-4-5 https://myorg-account1.snowflakecomputing.com/api/v2/cortex/v1/messages bearer anthropic-version=2023-06-01
heroku
  chat openai-chat https://us.inference.heroku.com/v1/chat/completions bearer
  embeddings openai-chat https://us.inference.heroku.com/v1/embeddings bearer
  images openai-chat https://us.inference.heroku.com/v1/images/generations bearer
  rerank cohere https://us.inference.heroku.com/v1/rerank bearer
digitalocean
  chat openai-chat https://inference.do-ai.run/v1/chat/completions bearer
  chat openai-responses https://inference.do-ai.run/v1/responses bearer
  chat anthropic-messages https://inference.do-ai.run/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://inference.do-ai.run/v1/embeddings bearer
  images openai-chat https://inference.do-ai.run/v1/images/generations bearer
ionos
  chat openai-chat https://openai.inference.de-txl.ionos.com/v1/chat/completions bearer
  embeddings openai-chat https://openai.inference.de-txl.ionos.com/v1/embeddings bearer
  images openai-chat https://openai.inference.de-txl.ionos.com/v1/images/generations bearer
parasail
  chat openai-chat https://api.parasail.io/v1/chat/completions bearer
  embeddings openai-chat https://api.parasail.io/v1/embeddings bearer
ovhcloud
  chat openai-chat https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/chat/completions bearer
  embeddings openai-chat https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/embeddings bearer
  transcriptions openai-chat https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/audio/transcriptions bearer
scaleway
  chat openai-chat https://api.scaleway.ai/v1/chat/completions bearer
  chat openai-responses https://api.scaleway.ai/v1/responses bearer
  embeddings openai-chat https://api.scaleway.ai/v1/embeddings bearer
  transcriptions openai-chat https://api.scaleway.ai/v1/audio/transcriptions bearer
  rerank cohere https://api.scaleway.ai/v1/rerank bearer
wandb
  chat openai-chat https://api.inference.wandb.ai/v1/chat/completions bearer
inference_net
  chat openai-chat https://api.inference.net/v1/chat/completions bearer
  embeddings openai-chat https://api.inference.net/v1/embeddings bearer
inception
  chat openai-chat https://api.inceptionlabs.ai/v1/chat/completions bearer
upstage
  chat openai-chat https://api.upstage.ai/v1/chat/completions bearer
  embeddings openai-chat https://api.upstage.ai/v1/embeddings bearer
venice
  chat openai-chat https://api.venice.ai/api/v1/chat/completions bearer
  embeddings openai-chat https://api.venice.ai/api/v1/embeddings bearer
  images openai-chat https://api.venice.ai/api/v1/images/generations bearer
  speech openai-chat https://api.venice.ai/api/v1/audio/speech bearer
  transcriptions openai-chat https://api.venice.ai/api/v1/audio/transcriptions bearer
chutes
  chat openai-chat https://llm.chutes.ai/v1/chat/completions bearer
  completions openai-chat https://llm.chutes.ai/v1/completions bearer
poe
  chat openai-chat https://api.poe.com/v1/chat/completions bearer
  chat openai-responses https://api.poe.com/v1/responses bearer
opencode_zen
  chat gemini model=gemini-2.5-flash https://opencode.ai/zen/v1/models/gemini-2.5-flash:generateContent x-goog-api-key
  chat gemini model=gemini-2.5-flash stream https://opencode.ai/zen/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse x-goog-api-key
  chat openai-chat model=grok-4 https://opencode.ai/zen/v1/chat/completions bearer
  chat openai-responses model=gpt-5 https://opencode.ai/zen/v1/responses bearer
  chat anthropic-messages model=claude-sonnet-4-5 https://opencode.ai/zen/v1/messages x-api-key anthropic-version=2023-06-01
opencode_go
  chat openai-chat model=gemini-2.5-flash https://opencode.ai/zen/go/v1/chat/completions bearer
  chat anthropic-messages model=minimax-m2 https://opencode.ai/zen/go/v1/messages x-api-key anthropic-version=2023-06-01
fastrouter
  chat openai-chat https://go.fastrouter.ai/api/v1/chat/completions bearer
nano_gpt
  chat openai-chat https://nano-gpt.com/api/v1/chat/completions bearer
  embeddings openai-chat https://nano-gpt.com/api/v1/embeddings bearer
synthetic
  chat openai-chat https://api.synthetic.new/openai/v1/chat/completions bearer
  chat anthropic-messages https://api.synthetic.new/anthropic/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://api.synthetic.new/openai/v1/embeddings bearer
aihubmix
  chat openai-chat https://aihubmix.com/v1/chat/completions bearer
  chat openai-responses https://aihubmix.com/v1/responses bearer
  chat anthropic-messages https://aihubmix.com/v1/messages x-api-key anthropic-version=2023-06-01
  embeddings openai-chat https://aihubmix.com/v1/embeddings bearer
  images openai-chat https://aihubmix.com/v1/images/generations bearer
  speech openai-chat https://aihubmix.com/v1/audio/speech bearer
  transcriptions openai-chat https://aihubmix.com/v1/audio/transcriptions bearer
  rerank cohere https://aihubmix.com/v1/rerank bearer
requesty
  chat openai-chat https://router.requesty.ai/v1/chat/completions bearer
  chat openai-responses https://router.requesty.ai/v1/responses bearer
  chat anthropic-messages https://router.requesty.ai/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://router.requesty.ai/v1/embeddings bearer
v0
  chat openai-chat https://api.v0.dev/v1/chat/completions bearer
morph
  chat openai-chat https://api.morphllm.com/v1/chat/completions bearer
  embeddings openai-chat https://api.morphllm.com/v1/embeddings bearer
  rerank cohere https://api.morphllm.com/v1/rerank bearer
clarifai
  chat openai-chat https://api.clarifai.com/v2/ext/openai/v1/chat/completions bearer
sarvam
  chat openai-chat https://api.sarvam.ai/v1/chat/completions bearer
publicai
  chat openai-chat https://api.publicai.co/v1/chat/completions bearer
io_intelligence
  chat openai-chat https://api.intelligence.io.solutions/api/v1/chat/completions bearer
  embeddings openai-chat https://api.intelligence.io.solutions/api/v1/embeddings bearer
ai302
  chat openai-chat https://api.302.ai/v1/chat/completions bearer
  embeddings openai-chat https://api.302.ai/v1/embeddings bearer
cometapi
  chat openai-chat https://api.cometapi.com/v1/chat/completions bearer
  chat openai-responses https://api.cometapi.com/v1/responses bearer
  chat anthropic-messages https://api.cometapi.com/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat https://api.cometapi.com/v1/embeddings bearer
  images openai-chat https://api.cometapi.com/v1/images/generations bearer
  speech openai-chat https://api.cometapi.com/v1/audio/speech bearer
  transcriptions openai-chat https://api.cometapi.com/v1/audio/transcriptions bearer
voyage
  embeddings openai-chat https://api.voyageai.com/v1/embeddings bearer
  rerank cohere https://api.voyageai.com/v1/rerank bearer
jina
  embeddings openai-chat https://api.jina.ai/v1/embeddings bearer
  rerank cohere https://api.jina.ai/v1/rerank bearer
mixedbread
  embeddings openai-chat https://api.mixedbread.com/v1/embeddings bearer
nomic
  pass-through /embedding/text https://api-atlas.nomic.ai/v1/embedding/text bearer
assemblyai
  chat openai-chat https://llm-gateway.assemblyai.com/v1/chat/completions authorization
elevenlabs
  pass-through /v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb https://api.elevenlabs.io/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb xi-api-key
deepgram
  pass-through /v1/listen https://api.deepgram.com/v1/listen authorization=Token
stability
  pass-through /v2beta/stable-image/generate/core https://api.stability.ai/v2beta/stable-image/generate/core bearer
recraft
  images openai-chat https://external.api.recraft.ai/v1/images/generations bearer
bfl
  pass-through /flux-pro-1.1 https://api.bfl.ai/v1/flux-pro-1.1 x-key
fal
  pass-through /fal-ai/flux/dev https://fal.run/fal-ai/flux/dev authorization=Key
replicate
  pass-through /predictions https://api.replicate.com/v1/predictions bearer
ollama_cloud
  chat ollama https://ollama.com/api/chat bearer
  chat openai-chat https://ollama.com/v1/chat/completions bearer
ollama
  chat ollama http://127.0.0.1:11434/api/chat bearer
  chat openai-chat http://127.0.0.1:11434/v1/chat/completions bearer
  chat openai-responses http://127.0.0.1:11434/v1/responses bearer
  chat anthropic-messages http://127.0.0.1:11434/v1/messages bearer anthropic-version=2023-06-01
  embeddings ollama http://127.0.0.1:11434/api/embed bearer
  embeddings openai-chat http://127.0.0.1:11434/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:11434/v1/completions bearer
lm_studio
  chat openai-chat http://127.0.0.1:1234/v1/chat/completions bearer
  chat openai-responses http://127.0.0.1:1234/v1/responses bearer
  chat anthropic-messages http://127.0.0.1:1234/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat http://127.0.0.1:1234/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:1234/v1/completions bearer
vllm
  chat openai-chat http://127.0.0.1:8000/v1/chat/completions bearer
  chat openai-responses http://127.0.0.1:8000/v1/responses bearer
  chat anthropic-messages http://127.0.0.1:8000/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat http://127.0.0.1:8000/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:8000/v1/completions bearer
  transcriptions openai-chat http://127.0.0.1:8000/v1/audio/transcriptions bearer
  translations openai-chat http://127.0.0.1:8000/v1/audio/translations bearer
  rerank cohere http://127.0.0.1:8000/v1/rerank bearer
llama_cpp
  chat openai-chat http://127.0.0.1:8080/v1/chat/completions bearer
  chat openai-responses http://127.0.0.1:8080/v1/responses bearer
  chat anthropic-messages http://127.0.0.1:8080/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat http://127.0.0.1:8080/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:8080/v1/completions bearer
  count-tokens anthropic-messages http://127.0.0.1:8080/v1/messages/count_tokens bearer anthropic-version=2023-06-01
  rerank cohere http://127.0.0.1:8080/v1/rerank bearer
llamafile
  chat openai-chat http://127.0.0.1:8080/v1/chat/completions bearer
  embeddings openai-chat http://127.0.0.1:8080/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:8080/v1/completions bearer
sglang
  chat openai-chat http://127.0.0.1:30000/v1/chat/completions bearer
  chat openai-responses http://127.0.0.1:30000/v1/responses bearer
  embeddings openai-chat http://127.0.0.1:30000/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:30000/v1/completions bearer
localai
  chat openai-chat http://127.0.0.1:8080/v1/chat/completions bearer
  embeddings openai-chat http://127.0.0.1:8080/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:8080/v1/completions bearer
  images openai-chat http://127.0.0.1:8080/v1/images/generations bearer
  speech openai-chat http://127.0.0.1:8080/v1/audio/speech bearer
  transcriptions openai-chat http://127.0.0.1:8080/v1/audio/transcriptions bearer
  rerank cohere http://127.0.0.1:8080/v1/rerank bearer
jan
  chat openai-chat http://127.0.0.1:1337/v1/chat/completions bearer
docker_model_runner
  chat openai-chat http://127.0.0.1:12434/engines/v1/chat/completions bearer
  embeddings openai-chat http://127.0.0.1:12434/engines/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:12434/engines/v1/completions bearer
lemonade
  chat openai-chat http://127.0.0.1:8000/api/v1/chat/completions bearer
  chat openai-responses http://127.0.0.1:8000/api/v1/responses bearer
  embeddings openai-chat http://127.0.0.1:8000/api/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:8000/api/v1/completions bearer
  images openai-chat http://127.0.0.1:8000/api/v1/images/generations bearer
  speech openai-chat http://127.0.0.1:8000/api/v1/audio/speech bearer
  transcriptions openai-chat http://127.0.0.1:8000/api/v1/audio/transcriptions bearer
  rerank cohere http://127.0.0.1:8000/api/v1/reranking bearer
xinference
  chat openai-chat http://127.0.0.1:9997/v1/chat/completions bearer
  embeddings openai-chat http://127.0.0.1:9997/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:9997/v1/completions bearer
  images openai-chat http://127.0.0.1:9997/v1/images/generations bearer
  image-variations openai-chat http://127.0.0.1:9997/v1/images/variations bearer
  speech openai-chat http://127.0.0.1:9997/v1/audio/speech bearer
  transcriptions openai-chat http://127.0.0.1:9997/v1/audio/transcriptions bearer
  translations openai-chat http://127.0.0.1:9997/v1/audio/translations bearer
  rerank cohere http://127.0.0.1:9997/v1/rerank bearer
koboldcpp
  chat openai-chat http://127.0.0.1:5001/v1/chat/completions bearer
  embeddings openai-chat http://127.0.0.1:5001/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:5001/v1/completions bearer
  speech openai-chat http://127.0.0.1:5001/v1/audio/speech bearer
  transcriptions openai-chat http://127.0.0.1:5001/v1/audio/transcriptions bearer
litellm
  chat openai-chat http://127.0.0.1:4000/v1/chat/completions bearer
  chat openai-responses http://127.0.0.1:4000/v1/responses bearer
  chat anthropic-messages http://127.0.0.1:4000/v1/messages bearer anthropic-version=2023-06-01
  embeddings openai-chat http://127.0.0.1:4000/v1/embeddings bearer
  completions openai-chat http://127.0.0.1:4000/v1/completions bearer
  moderations openai-chat http://127.0.0.1:4000/v1/moderations bearer
  images openai-chat http://127.0.0.1:4000/v1/images/generations bearer
  image-edits openai-chat http://127.0.0.1:4000/v1/images/edits bearer
  image-variations openai-chat http://127.0.0.1:4000/v1/images/variations bearer
  speech openai-chat http://127.0.0.1:4000/v1/audio/speech bearer
  transcriptions openai-chat http://127.0.0.1:4000/v1/audio/transcriptions bearer
  translations openai-chat http://127.0.0.1:4000/v1/audio/translations bearer
  count-tokens anthropic-messages http://127.0.0.1:4000/v1/messages/count_tokens bearer anthropic-version=2023-06-01
  rerank cohere http://127.0.0.1:4000/v1/rerank bearer
openai-compatible
  chat openai-chat http://10.0.0.5:8000/v1/chat/completions bearer
  embeddings openai-chat http://10.0.0.5:8000/v1/embeddings bearer
  completions openai-chat http://10.0.0.5:8000/v1/completions bearer
  moderations openai-chat http://10.0.0.5:8000/v1/moderations bearer
  images openai-chat http://10.0.0.5:8000/v1/images/generations bearer
  image-edits openai-chat http://10.0.0.5:8000/v1/images/edits bearer
  image-variations openai-chat http://10.0.0.5:8000/v1/images/variations bearer
  speech openai-chat http://10.0.0.5:8000/v1/audio/speech bearer
  transcriptions openai-chat http://10.0.0.5:8000/v1/audio/transcriptions bearer
  translations openai-chat http://10.0.0.5:8000/v1/audio/translations bearer
  files openai-chat http://10.0.0.5:8000/v1/files bearer
  batches openai-chat http://10.0.0.5:8000/v1/batches bearer
  uploads openai-chat http://10.0.0.5:8000/v1/uploads bearer
  realtime openai-chat http://10.0.0.5:8000/v1/realtime bearer
  rerank cohere http://10.0.0.5:8000/v1/rerank bearer
responses-compatible
  chat openai-responses http://10.0.0.5:8000/v1/responses bearer
  count-tokens openai-responses http://10.0.0.5:8000/v1/responses/input_tokens bearer
  compact openai-responses http://10.0.0.5:8000/v1/responses/compact bearer
anthropic-compatible
  chat anthropic-messages http://10.0.0.5:8000/v1/messages x-api-key anthropic-version=2023-06-01
  count-tokens anthropic-messages http://10.0.0.5:8000/v1/messages/count_tokens x-api-key anthropic-version=2023-06-01
gemini-compatible
  chat gemini model=gemini-2.5-flash http://10.0.0.5:8000/v1beta/models/gemini-2.5-flash:generateContent x-goog-api-key
  chat gemini model=gemini-2.5-flash stream http://10.0.0.5:8000/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse x-goog-api-key
  count-tokens gemini model=gemini-2.5-flash http://10.0.0.5:8000/v1beta/models/gemini-2.5-flash:countTokens x-goog-api-key
  embeddings gemini model=gemini-2.5-flash http://10.0.0.5:8000/v1beta/models/gemini-2.5-flash:batchEmbedContents x-goog-api-key
cohere-compatible
  chat cohere http://10.0.0.5:8000/v2/chat bearer
  embeddings cohere http://10.0.0.5:8000/v2/embed bearer
  rerank cohere http://10.0.0.5:8000/v2/rerank bearer
demo
  chat openai-chat http://demo.invalid/v1/chat/completions bearer
  embeddings openai-chat http://demo.invalid/v1/embeddings bearer
  completions openai-chat http://demo.invalid/v1/completions bearer
  moderations openai-chat http://demo.invalid/v1/moderations bearer
`;

/** Their rows are elsewhere: requests are signed, or the key is exchanged for a token. */
export const documentedElsewhere: readonly string[] = [
  "azure",
  "azure_ai",
  "bedrock",
  "bedrock_mantle",
  "oci",
  "sagemaker",
  "vertex",
  "watsonx",
];
