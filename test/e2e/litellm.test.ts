// What scripts do to LiteLLM's proxy with bash and curl, done to the executable.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Daemon, startDaemon } from "../support/daemon.ts";

let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon({
    config: JSON.stringify({
      server: { require_key: "always" },
      providers: { demo: {} },
      models: { fast: "demo/echo" },
      // Ten dollars for a thousand tokens.
      prices: { "demo/*": { input: "10000", output: "10000" } },
      compat: { litellm: true },
    }),
  });
});
afterAll(() => daemon.dispose());

const script = String.raw`
set -euo pipefail
call() { # method path [body] [key]
  curl -sS -w '\n%{http_code}' -X "$1" "$BASE$2" -H "Authorization: Bearer ${"${4:-$MASTER_KEY}"}" \
    -H 'Content-Type: application/json' ${'${3:+-d "$3"}'}
}
field() { grep -o "\"$1\":\"[^\"]*\"" | head -1 | cut -d'"' -f4; }
chat() { call POST /chat/completions '{"model":"fast","max_tokens":20,"messages":[{"role":"user","content":"hello"}]}' "$1"; }
status() { tail -1; }

echo "live $(curl -sS "$BASE/health/liveliness")"
made=$(call POST /key/generate '{"key_alias":"script","max_budget":2.6,"budget_duration":"1d","models":["fast"]}')
echo "generate $(echo "$made" | status)"
key=$(echo "$made" | field key)
token=$(echo "$made" | field token)

echo "chat $(chat "$key" | status)"
echo "spend $(call GET "/key/info?key=$key" | grep -o '"spend":[0-9.]*')"
echo "logs $(call GET "/spend/logs?api_key=$token" | grep -o '"model_group":"[^"]*"')"
for i in 1 2 3 4 5 6 7 8; do code=$(chat "$key" | status); [ "$code" = 200 ] || break; done
echo "exceeded $code"
echo "raised $(call POST /key/update "{\"key\":\"$key\",\"max_budget\":100}" | status)"
echo "chat $(chat "$key" | status)"
echo "block $(call POST /key/block "{\"key\":\"$key\"}" | status)"
echo "chat $(chat "$key" | status)"
echo "unblock $(call POST /key/unblock "{\"key\":\"$key\"}" | status)"
new=$(call POST "/key/$token/regenerate" '{}' | field key)
echo "old $(chat "$key" | status)"
echo "new $(chat "$new" | status)"

echo "team $(call POST /team/new '{"team_id":"core","members_with_roles":[{"role":"admin","user_id":"me@example.com"}]}' | status)"
echo "member $(call POST /team/member_add '{"team_id":"core","member":{"role":"user","user_id":"you"}}' | field team_id)"
tk=$(call POST /key/generate '{"team_id":"core","user_id":"you"}' | field key)
echo "chat $(chat "$tk" | status)"
echo "members $(call GET '/team/info?team_id=core' | grep -o '"members":\[[^]]*\]' | head -1)"

echo "delete $(call POST /key/delete "{\"keys\":[\"$token\"]}" | status)"
echo "gone $(chat "$new" | status)"
echo "headers $(curl -sS -o /dev/null -D - "$BASE/v1/chat/completions" -H "Authorization: Bearer $tk" \
  -H 'Content-Type: application/json' -d '{"model":"fast","messages":[{"role":"user","content":"hi"}]}' \
  | tr -d '\r' | grep -i '^x-litellm-model-' | sort | tr '\n' ' ')"
echo "wrong $(call GET /key/list '' sk-1234 | status)"
`;

test("a script of LiteLLM's admin calls", async () => {
  const child = Bun.spawn(["bash", "-c", script], {
    env: { PATH: "/usr/bin:/bin", BASE: daemon.url, MASTER_KEY: daemon.adminKey },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect([await child.exited, error]).toEqual([0, ""]);
  expect(out.trim().split("\n")).toEqual([
    'live "I\'m alive!"',
    "generate 200",
    "chat 200",
    expect.stringMatching(/^spend "spend":0\.\d+$/),
    'logs "model_group":"fast"',
    "exceeded 402",
    "raised 200",
    "chat 200",
    "block 200",
    "chat 403",
    "unblock 200",
    "old 401",
    "new 200",
    "team 200",
    "member core",
    "chat 200",
    'members "members":["me@example.com","you"]',
    "delete 200",
    "gone 401",
    "headers x-litellm-model-group: fast x-litellm-model-id: demo/echo ",
    "wrong 401",
  ]);
  expect(daemon.output()).not.toMatch(/sk-mega-[\w-]{43}/);
}, 60_000);
