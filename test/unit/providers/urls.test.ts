// Where each provider's requests go: every endpoint of every provider against the URL its vendor documents.
import { expect, test } from "bun:test";
import { resolveEndpoint } from "../../../src/providers/endpoint.ts";
import { providers } from "../../../src/providers/index.ts";

/** Provider, operation, URL with the examples for settings that have no default. In the order of the list. */
const documented = `
openai chat https://api.openai.com/v1/chat/completions
openai embeddings https://api.openai.com/v1/embeddings
openai completions https://api.openai.com/v1/completions
openai moderations https://api.openai.com/v1/moderations
anthropic chat https://api.anthropic.com/v1/messages
anthropic count-tokens https://api.anthropic.com/v1/messages/count_tokens
gemini chat https://generativelanguage.googleapis.com/v1beta/openai/chat/completions
gemini embeddings https://generativelanguage.googleapis.com/v1beta/openai/embeddings
azure chat https://my-resource.openai.azure.com/openai/v1/chat/completions
azure embeddings https://my-resource.openai.azure.com/openai/v1/embeddings
azure_ai chat https://my-resource.services.ai.azure.com/openai/v1/chat/completions
azure_ai embeddings https://my-resource.services.ai.azure.com/openai/v1/embeddings
bedrock_mantle chat https://bedrock-mantle.us-east-1.api.aws/v1/chat/completions
mistral chat https://api.mistral.ai/v1/chat/completions
mistral embeddings https://api.mistral.ai/v1/embeddings
mistral moderations https://api.mistral.ai/v1/moderations
codestral chat https://codestral.mistral.ai/v1/chat/completions
cohere chat https://api.cohere.ai/compatibility/v1/chat/completions
cohere embeddings https://api.cohere.ai/compatibility/v1/embeddings
groq chat https://api.groq.com/openai/v1/chat/completions
deepseek chat https://api.deepseek.com/v1/chat/completions
deepseek chat https://api.deepseek.com/anthropic/v1/messages
xai chat https://api.x.ai/v1/chat/completions
openrouter chat https://openrouter.ai/api/v1/chat/completions
openrouter chat https://openrouter.ai/api/v1/messages
openrouter embeddings https://openrouter.ai/api/v1/embeddings
openrouter completions https://openrouter.ai/api/v1/completions
together chat https://api.together.xyz/v1/chat/completions
together embeddings https://api.together.xyz/v1/embeddings
together completions https://api.together.xyz/v1/completions
fireworks chat https://api.fireworks.ai/inference/v1/chat/completions
fireworks embeddings https://api.fireworks.ai/inference/v1/embeddings
fireworks completions https://api.fireworks.ai/inference/v1/completions
perplexity chat https://api.perplexity.ai/chat/completions
cerebras chat https://api.cerebras.ai/v1/chat/completions
cerebras completions https://api.cerebras.ai/v1/completions
sambanova chat https://api.sambanova.ai/v1/chat/completions
sambanova embeddings https://api.sambanova.ai/v1/embeddings
deepinfra chat https://api.deepinfra.com/v1/openai/chat/completions
deepinfra embeddings https://api.deepinfra.com/v1/openai/embeddings
deepinfra completions https://api.deepinfra.com/v1/openai/completions
nvidia_nim chat https://integrate.api.nvidia.com/v1/chat/completions
nvidia_nim embeddings https://integrate.api.nvidia.com/v1/embeddings
nvidia_nim completions https://integrate.api.nvidia.com/v1/completions
huggingface chat https://router.huggingface.co/v1/chat/completions
cloudflare chat https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/v1/chat/completions
cloudflare embeddings https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/v1/embeddings
github chat https://models.github.ai/inference/chat/completions
github embeddings https://models.github.ai/inference/embeddings
github_copilot chat https://api.githubcopilot.com/chat/completions
github_copilot embeddings https://api.githubcopilot.com/embeddings
vercel chat https://ai-gateway.vercel.sh/v1/chat/completions
vercel chat https://ai-gateway.vercel.sh/v1/messages
vercel embeddings https://ai-gateway.vercel.sh/v1/embeddings
moonshot chat https://api.moonshot.ai/v1/chat/completions
moonshot chat https://api.moonshot.ai/anthropic/v1/messages
kimi_coding chat https://api.kimi.com/coding/v1/chat/completions
kimi_coding chat https://api.kimi.com/coding/v1/messages
zai chat https://api.z.ai/api/paas/v4/chat/completions
zai chat https://api.z.ai/api/anthropic/v1/messages
zai_coding chat https://api.z.ai/api/coding/paas/v4/chat/completions
zai_coding chat https://api.z.ai/api/anthropic/v1/messages
zhipu chat https://open.bigmodel.cn/api/paas/v4/chat/completions
zhipu chat https://open.bigmodel.cn/api/anthropic/v1/messages
zhipu embeddings https://open.bigmodel.cn/api/paas/v4/embeddings
zhipu_coding chat https://open.bigmodel.cn/api/coding/paas/v4/chat/completions
zhipu_coding chat https://open.bigmodel.cn/api/anthropic/v1/messages
dashscope chat https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions
dashscope embeddings https://dashscope-intl.aliyuncs.com/compatible-mode/v1/embeddings
minimax chat https://api.minimax.io/v1/chat/completions
minimax chat https://api.minimax.io/anthropic/v1/messages
siliconflow chat https://api.siliconflow.cn/v1/chat/completions
siliconflow embeddings https://api.siliconflow.cn/v1/embeddings
volcengine chat https://ark.cn-beijing.volces.com/api/v3/chat/completions
volcengine embeddings https://ark.cn-beijing.volces.com/api/v3/embeddings
volcengine_coding chat https://ark.cn-beijing.volces.com/api/coding/v3/chat/completions
volcengine_coding chat https://ark.cn-beijing.volces.com/api/coding/v1/messages
byteplus chat https://ark.ap-southeast.bytepluses.com/api/v3/chat/completions
byteplus embeddings https://ark.ap-southeast.bytepluses.com/api/v3/embeddings
qianfan chat https://qianfan.baidubce.com/v2/chat/completions
qianfan embeddings https://qianfan.baidubce.com/v2/embeddings
hunyuan chat https://api.hunyuan.cloud.tencent.com/v1/chat/completions
hunyuan embeddings https://api.hunyuan.cloud.tencent.com/v1/embeddings
stepfun chat https://api.stepfun.com/v1/chat/completions
lingyi chat https://api.lingyiwanwu.com/v1/chat/completions
xiaomi_mimo chat https://api.xiaomimimo.com/v1/chat/completions
xiaomi_mimo chat https://api.xiaomimimo.com/anthropic/v1/messages
novita chat https://api.novita.ai/v3/openai/chat/completions
novita embeddings https://api.novita.ai/v3/openai/embeddings
novita completions https://api.novita.ai/v3/openai/completions
nebius chat https://api.tokenfactory.nebius.com/v1/chat/completions
nebius embeddings https://api.tokenfactory.nebius.com/v1/embeddings
nebius completions https://api.tokenfactory.nebius.com/v1/completions
hyperbolic chat https://api.hyperbolic.xyz/v1/chat/completions
hyperbolic completions https://api.hyperbolic.xyz/v1/completions
lambda chat https://api.lambda.ai/v1/chat/completions
lambda completions https://api.lambda.ai/v1/completions
nscale chat https://inference.api.nscale.com/v1/chat/completions
featherless chat https://api.featherless.ai/v1/chat/completions
featherless completions https://api.featherless.ai/v1/completions
friendli chat https://api.friendli.ai/serverless/v1/chat/completions
friendli completions https://api.friendli.ai/serverless/v1/completions
baseten chat https://inference.baseten.co/v1/chat/completions
gmi chat https://api.gmi-serving.com/v1/chat/completions
crusoe chat https://api.inference.crusoecloud.com/v1/chat/completions
ai21 chat https://api.ai21.com/studio/v1/chat/completions
meta_llama chat https://api.llama.com/compat/v1/chat/completions
databricks chat https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/chat/completions
databricks embeddings https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/embeddings
databricks completions https://dbc-a1b2345c-d6e7.cloud.databricks.com/serving-endpoints/completions
snowflake chat https://myorg-account1.snowflakecomputing.com/api/v2/cortex/v1/chat/completions
snowflake chat https://myorg-account1.snowflakecomputing.com/api/v2/cortex/v1/messages
heroku chat https://us.inference.heroku.com/v1/chat/completions
heroku embeddings https://us.inference.heroku.com/v1/embeddings
ovhcloud chat https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/chat/completions
ovhcloud embeddings https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/embeddings
scaleway chat https://api.scaleway.ai/v1/chat/completions
scaleway embeddings https://api.scaleway.ai/v1/embeddings
wandb chat https://api.inference.wandb.ai/v1/chat/completions
inference_net chat https://api.inference.net/v1/chat/completions
inference_net embeddings https://api.inference.net/v1/embeddings
inception chat https://api.inceptionlabs.ai/v1/chat/completions
upstage chat https://api.upstage.ai/v1/chat/completions
upstage embeddings https://api.upstage.ai/v1/embeddings
venice chat https://api.venice.ai/api/v1/chat/completions
venice embeddings https://api.venice.ai/api/v1/embeddings
chutes chat https://llm.chutes.ai/v1/chat/completions
chutes completions https://llm.chutes.ai/v1/completions
poe chat https://api.poe.com/v1/chat/completions
opencode_zen chat https://opencode.ai/zen/v1/chat/completions
opencode_zen chat https://opencode.ai/zen/v1/messages
nano_gpt chat https://nano-gpt.com/api/v1/chat/completions
nano_gpt embeddings https://nano-gpt.com/api/v1/embeddings
synthetic chat https://api.synthetic.new/openai/v1/chat/completions
aihubmix chat https://aihubmix.com/v1/chat/completions
aihubmix embeddings https://aihubmix.com/v1/embeddings
requesty chat https://router.requesty.ai/v1/chat/completions
requesty embeddings https://router.requesty.ai/v1/embeddings
v0 chat https://api.v0.dev/v1/chat/completions
morph chat https://api.morphllm.com/v1/chat/completions
morph embeddings https://api.morphllm.com/v1/embeddings
clarifai chat https://api.clarifai.com/v2/ext/openai/v1/chat/completions
sarvam chat https://api.sarvam.ai/v1/chat/completions
publicai chat https://api.publicai.co/v1/chat/completions
io_intelligence chat https://api.intelligence.io.solutions/api/v1/chat/completions
ai302 chat https://api.302.ai/v1/chat/completions
ai302 embeddings https://api.302.ai/v1/embeddings
cometapi chat https://api.cometapi.com/v1/chat/completions
cometapi embeddings https://api.cometapi.com/v1/embeddings
ollama chat http://127.0.0.1:11434/v1/chat/completions
ollama chat http://127.0.0.1:11434/v1/messages
ollama embeddings http://127.0.0.1:11434/v1/embeddings
ollama completions http://127.0.0.1:11434/v1/completions
lm_studio chat http://127.0.0.1:1234/v1/chat/completions
lm_studio chat http://127.0.0.1:1234/v1/messages
lm_studio embeddings http://127.0.0.1:1234/v1/embeddings
lm_studio completions http://127.0.0.1:1234/v1/completions
vllm chat http://127.0.0.1:8000/v1/chat/completions
vllm chat http://127.0.0.1:8000/v1/messages
vllm embeddings http://127.0.0.1:8000/v1/embeddings
vllm completions http://127.0.0.1:8000/v1/completions
llama_cpp chat http://127.0.0.1:8080/v1/chat/completions
llama_cpp chat http://127.0.0.1:8080/v1/messages
llama_cpp embeddings http://127.0.0.1:8080/v1/embeddings
llama_cpp completions http://127.0.0.1:8080/v1/completions
llama_cpp count-tokens http://127.0.0.1:8080/v1/messages/count_tokens
llamafile chat http://127.0.0.1:8080/v1/chat/completions
llamafile embeddings http://127.0.0.1:8080/v1/embeddings
llamafile completions http://127.0.0.1:8080/v1/completions
sglang chat http://127.0.0.1:30000/v1/chat/completions
sglang embeddings http://127.0.0.1:30000/v1/embeddings
sglang completions http://127.0.0.1:30000/v1/completions
localai chat http://127.0.0.1:8080/v1/chat/completions
localai embeddings http://127.0.0.1:8080/v1/embeddings
localai completions http://127.0.0.1:8080/v1/completions
jan chat http://127.0.0.1:1337/v1/chat/completions
docker_model_runner chat http://127.0.0.1:12434/engines/v1/chat/completions
docker_model_runner embeddings http://127.0.0.1:12434/engines/v1/embeddings
docker_model_runner completions http://127.0.0.1:12434/engines/v1/completions
lemonade chat http://127.0.0.1:8000/api/v1/chat/completions
lemonade embeddings http://127.0.0.1:8000/api/v1/embeddings
lemonade completions http://127.0.0.1:8000/api/v1/completions
xinference chat http://127.0.0.1:9997/v1/chat/completions
xinference embeddings http://127.0.0.1:9997/v1/embeddings
xinference completions http://127.0.0.1:9997/v1/completions
koboldcpp chat http://127.0.0.1:5001/v1/chat/completions
koboldcpp embeddings http://127.0.0.1:5001/v1/embeddings
koboldcpp completions http://127.0.0.1:5001/v1/completions
litellm chat http://127.0.0.1:4000/v1/chat/completions
litellm chat http://127.0.0.1:4000/v1/messages
litellm embeddings http://127.0.0.1:4000/v1/embeddings
litellm completions http://127.0.0.1:4000/v1/completions
litellm moderations http://127.0.0.1:4000/v1/moderations
litellm count-tokens http://127.0.0.1:4000/v1/messages/count_tokens
demo chat http://demo.invalid/v1/chat/completions
demo embeddings http://demo.invalid/v1/embeddings
demo completions http://demo.invalid/v1/completions
demo moderations http://demo.invalid/v1/moderations
`;

test("every endpoint resolves to the documented URL", () => {
  const resolved = providers.flatMap((provider) => {
    const settings = Object.fromEntries(
      Object.entries(provider.urlSettings ?? {})
        .filter(([, setting]) => setting.default === undefined)
        .map(([name, setting]) => [name, setting.example]),
    );
    if (provider.baseUrl === undefined && provider.serve === undefined) return [];
    return Object.entries(provider.speaks).flatMap(([operation, endpoints]) =>
      endpoints.map(
        (endpoint) =>
          `${provider.id} ${operation} ${resolveEndpoint(provider, endpoint, { settings }).href}`,
      ),
    );
  });
  expect(resolved).toEqual(documented.trim().split("\n"));
});
