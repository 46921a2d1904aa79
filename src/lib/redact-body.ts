// What must not be kept of a body: credentials, whatever looks like a key, and embedded media at length.

const secretNames =
  "(?:[\\w-]{0,40}[_-])?(?:api[_-]?key|authorization|password|passwd|passphrase|secret|client[_-]?secret|" +
  "secret[_-]?access[_-]?key|access[_-]?token|refresh[_-]?token|id[_-]?token|private[_-]?key|session[_-]?token|" +
  "cookie|set-cookie|credentials?)";

/**
 * Each walks the text once: what repeats without a bound is never followed by something that could send it back, and
 * begins where nothing of its kind stands before it.
 */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/\b(data:[\w.+-]{1,64}\/[\w.+-]{1,64};base64,)[A-Za-z0-9+/=_-]{32,}/g, "$1…"],
  [/\b(Bearer\s{1,4})[\w.~+/=-]{16,}/gi, "$1***"],
  [/\b(authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:\w{1,16}\s{1,4})?)[^\s"',;]{4,}/gi, "$1***"],
  [new RegExp(`("${secretNames}"\\s{0,8}:\\s{0,8}")[^"\\\\]*(?:\\\\[^][^"\\\\]*)*`, "gi"), "$1***"],
  // The same in JSON that is a text of JSON.
  [
    new RegExp(
      `(\\\\{1,3}"${secretNames}\\\\{1,3}"\\s{0,8}:\\s{0,8}\\\\{1,3}")[^"\\\\]{1,16384}`,
      "gi",
    ),
    "$1***",
  ],
  [
    /\b((?:api[_-]?key|access_token|refresh_token|client_secret|password|x-amz-signature|x-goog-signature|sig)=)[^&\s"'<>]{4,}/gi,
    "$1***",
  ],
  [/(:\/\/[^\s/:@"']{1,128}:)[^\s/@"']{1,256}@/g, "$1***@"],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{1,16384}/g, "***"],
  [/(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g, "***"],
  [
    /\b(?:sk|pk|rk|key|xai|gsk|hf|ghp|gho|ghs|glpat|xox[abprs]|r8|pplx|fw|nvapi)[-_][\w-]{16,}/g,
    "***",
  ],
  [/\b(?:github_pat_|AIza|ya29\.|AKIA|ASIA)[\w-]{16,}/g, "***"],
];

/** Base64 of media that stands without a `data:` address. */
const longBase64 = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{512,}={0,2}/g;
const keptOfMedia = 32;

/**
 * The text without credentials, and with embedded media cut short. Takes time in proportion to the text.
 * @example redactBody('{"api_key":"abc"}') // → '{"api_key":"***"}'
 */
export function redactBody(text: string): string {
  let redacted = text.replace(
    longBase64,
    (media) => `${media.slice(0, keptOfMedia)}…(${media.length} characters)`,
  );
  for (const [pattern, instead] of patterns) redacted = redacted.replace(pattern, instead);
  return redacted;
}
