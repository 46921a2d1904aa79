// The configuration file that `megallm init` writes.

/** What was found on this machine. */
export interface Found {
  /** Providers whose key is in an environment variable, or, without one, whose credentials are on this machine. */
  environment: readonly { provider: string; variable?: string | undefined }[];
  /** Model servers that answered. */
  local: readonly { provider: string; baseUrl: string }[];
}

/**
 * A commented configuration that serves what was found and passes `megallm check`.
 * @param schema where editors find the JSON Schema, relative to the file.
 */
export function renderConfig(found: Found, schema = "./megallm.schema.json"): string {
  const variables = [...new Map(found.environment.map((entry) => [entry.provider, entry]))];
  const servers = new Map(
    found.local
      .filter((entry) => !variables.some(([provider]) => provider === entry.provider))
      .map((entry) => [entry.provider, entry.baseUrl]),
  );
  const names = [...variables.map(([provider]) => provider), ...servers.keys()];
  const example = names[0] ?? "openai";
  return `# yaml-language-server: $schema=${schema}
#
# MegaLLM's configuration. \`megallm check\` shows what is wrong with it; a running gateway
# takes over every change by itself. Values may hold \${NAME}, \${NAME:-default},
# \${file:/run/secrets/name} and \${credential:name}.

server:
  # This machine only. Any other address (0.0.0.0 is all of them) needs \`keys\` below.
  host: 127.0.0.1
  port: 6342

# Keys that clients must present, by name. Without any, this machine's programs need none.
# keys:
#   my-app: "\${MY_APP_KEY}"

# Where models come from. Clients name them \`provider/model\`.
providers:
  # Offline and free, for trying things out: demo/echo answers with what it was sent.
  demo: {}
${variables.map(([provider, { variable }]) => (variable === undefined ? `  ${provider}: {}\n` : `  ${provider}:\n    api_key: "\${${variable}}"\n`)).join("")}${[
    ...servers,
  ]
    .map(([provider, baseUrl]) => `  ${provider}:\n    base_url: ${JSON.stringify(baseUrl)}\n`)
    .join(
      "",
    )}${names.includes("openai") ? "" : `  # openai:\n  #   api_key: "\${OPENAI_API_KEY}"\n`}  # A cloud: without keys here, its own tools' credentials are used (docs/cloud.md).
  # my-bedrock:
  #   type: bedrock
  #   region: eu-central-1
  # Any other server that speaks OpenAI's protocol; also anthropic-, responses-, gemini- or cohere-compatible:
  # mine:
  #   type: openai-compatible
  #   base_url: http://10.0.0.5:8000/v1
  #   api_key: "\${file:/run/secrets/mine}"

# Names of your own: an alias, one for many models, or several deployments with a policy and fallbacks.
models:
  test: demo/echo
  # gpt-*: ${example}/gpt-*
  # fast: ${example}/some-model
  # split:
  #   policy: weighted
  #   deployments:
  #     - { model: ${example}/some-model, weight: 70 }
  #     - { model: ${example}/other-model, weight: 30 }
  #   fallbacks: [test]

# What becomes of parameters that a provider does not take: left out and told (warn), refused (error), or dropped.
# unsupported: warn

# Also offer every provider whose environment variable is set, and model servers on this machine.
discover:
  environment: false
  local: false
`;
}
