// What the text of a prompt shows: length, numbers, code, vocabulary, the kind of question. Every value lies in 0..1.
import type { Choices } from "./choices.ts";
import { groupsOf, wordGroups, type WordGroup } from "./lexicon.ts";
import type { WordedText } from "./words.ts";

/** `value / (value + half)`: 0 for none, 0.5 at `half`, towards 1 for many. */
export function saturate(value: number, half: number): number {
  return value <= 0 ? 0 : value / (value + half);
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

const share = (part: number, whole: number, most = 1): number =>
  whole === 0 ? 0 : clamp(part / whole / most);

/** Length in characters on a logarithmic scale: 0 at 8, 1 at 8,000. An unspaced script says more per letter. */
export function lengthOf(text: WordedText): number {
  const characters = text.length + 3 * text.unspaced;
  return clamp(Math.log(Math.max(characters, 1) / 8) / Math.log(1000));
}

/** Words per group. */
export function groupCounts(words: readonly string[]): Record<WordGroup, number> {
  const counts = Array.from<number>({ length: wordGroups.length }).fill(0);
  for (const word of words) {
    let bits = groupsOf(word);
    while (bits !== 0) {
      const group = 31 - Math.clz32(bits & -bits);
      counts[group] = (counts[group] ?? 0) + 1;
      bits &= bits - 1;
    }
  }
  return Object.fromEntries(
    wordGroups.map((group, index) => [group, counts[index] ?? 0]),
  ) as Record<WordGroup, number>;
}

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** Counts that a text's features are made of. */
export function textFeatures(
  text: WordedText,
  groups: Readonly<Record<WordGroup, number>>,
): Record<string, number> {
  const { words, lower } = text;
  const total = words.length;
  let letters = 0;
  let long = 0;
  let veryLong = 0;
  let past = 0;
  let progressive = 0;
  let nominal = 0;
  for (const word of words) {
    letters += word.length;
    if (word.length >= 8) long += 1;
    if (word.length >= 12) veryLong += 1;
    if (word.length > 4) {
      if (word.endsWith("ed")) past += 1;
      else if (word.endsWith("ing")) progressive += 1;
      else if (/(?:tion|sion|ity|ism|ology|ment|ness|ance|ence)s?$/.test(word)) nominal += 1;
    }
  }
  const values = text.numbers.map((number) => Number(number.replaceAll(",", "")));
  const numbers = values.length;
  const distinct = new Set(words).size;
  return {
    length: lengthOf(text),
    words: clamp(Math.log1p(total) / Math.log(1500)),
    sentences: saturate(text.sentences, 5),
    sentenceLength: share(total, Math.max(1, text.sentences), 60),
    wordLength: total === 0 ? 0 : clamp((letters / total - 3) / 4),
    longWords: share(long, total, 0.5),
    veryLongWords: share(veryLong, total, 0.2),
    variety: total < 2 ? 0 : clamp(Math.log(distinct) / Math.log(total)),
    past: share(past, total, 0.15),
    progressive: share(progressive, total, 0.15),
    nominal: share(nominal, total, 0.25),
    content: 1 - share(groups.function, total),
    names: share(text.names, total, 0.4),
    nameCount: saturate(text.names, 6),
    numbers: saturate(numbers, 4),
    numberShare: share(numbers, total + numbers, 0.4),
    numberWords: saturate(
      count(
        lower,
        /\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|fifty|hundred|thousand)\b/g,
      ),
      2,
    ),
    numericSentences: saturate(
      text.text.split(/[.!?]\s/).filter((each) => /\d/.test(each)).length,
      3,
    ),
    largeNumbers: saturate(values.filter((value) => value >= 1000).length, 2),
    decimals: saturate(values.filter((value) => !Number.isInteger(value)).length, 2),
    years: saturate(count(lower, /\b1[5-9]\d\d\b|\b20[0-4]\d\b/g), 1),
    money: saturate(count(lower, /[$€£¥]\s?\d/g), 2),
    percent: saturate(count(lower, /\d\s?%|\bpercent/g), 1),
    fractions: saturate(
      count(lower, /\b\d+\s?\/\s?\d+\b|\b(?:one|two|three)-(?:half|third|fourth|fifth)/g),
      1,
    ),
    times: saturate(
      count(lower, /\b(?:twice|double|triple|half|thrice)\b|\btimes (?:as|more|the)\b/g),
      1,
    ),
    eachPer: saturate(count(lower, /\b(?:each|per|every|apiece)\b/g), 2),
    compareThan: saturate(
      count(lower, /\b(?:more|less|fewer|older|younger|longer|taller|greater) than\b/g),
      1,
    ),
    change: saturate(
      count(lower, /\b(?:remaining|left|rest|leftover|after|then|now|before)\b/g),
      3,
    ),
    conditionals: saturate(
      count(lower, /\b(?:if|unless|suppose|assume|assuming|given that)\b/g),
      2,
    ),
    mathSigns: saturate(
      count(text.text, /[=^<>±×÷∑∫√∞≤≥≠∈∀∃→]|\\(?:frac|sqrt|sum|int|cdot|in)\b|\d\s?[*+/-]\s?\d/g),
      4,
    ),
    latex: saturate(count(text.text, /\\[a-z]+|\$[^$\s\d][^$\n]{0,60}\$(?!\d)|\^\{|_\{/gi), 2),
    symbolsOfOne: saturate(count(text.text, /(?<![A-Za-z'’])[b-hj-zB-HJ-Z](?![A-Za-z'’.)])/g), 5),
    codeFences: saturate(count(text.text, /```|^[ \t]{4,}\S.*[;{}()]$/gm), 1),
    codeSigns: saturate(
      count(
        text.text,
        /[{};]$|=>|\(\)|::|==|!=|&&|\|\||\bdef \w{1,60}\(|\bfunction\b|\bimport \w|\bSELECT\b|<\/?\w{1,20}>|\w\.\w{1,40}\(|\w_\w/gm,
      ),
      4,
    ),
    stackTrace: saturate(
      count(
        text.text,
        /\bTraceback\b|\bat (?:\S+ )?\(?\S+\.\w+:\d+|(?:Error|Exception)\b|\bpanic:|\bexit code \d/g,
      ),
      1,
    ),
    quotes: saturate(count(text.text, /["“”«»]/g), 6),
    brackets: saturate(count(text.text, /[()[\]]/g), 8),
    listLines: saturate(count(text.text, /^[ \t]*(?:[-*•]|\d+[.)]|\(?[a-z]\))\s+\S/gm), 4),
    newlines: saturate(count(text.text, /\n/g), 12),
    questions: saturate(count(text.text, /[?？]/g), 2),
    steps: saturate(
      count(
        lower,
        /\b(?:first|second|third|next|finally|step \d+|then|after that|also|as well as|and then)\b|^[ \t]*\d+[.)]\s/gm,
      ),
      3,
    ),
    foreign: share(text.foreign, Math.max(1, letters)),
    askWhy: Number(/\b(?:why|how (?:does|do|did|would|could|can|come))\b/.test(lower)),
    askFact: Number(/\b(?:what(?:'s| is| are| was)|who|when|where)\b/.test(lower.slice(0, 200))),
    askHowMany: Number(/\bhow (?:many|much|long|old|far|tall)\b/.test(lower)),
    ...Object.fromEntries(
      wordGroups.flatMap((group) => [
        [`${group}Words`, saturate(groups[group], 2)],
        [`${group}Share`, share(groups[group], total, group === "function" ? 1 : 0.25)],
      ]),
    ),
  };
}

/** What a question with options shows beyond its words. */
export function choiceFeatures(choices: Choices, stem: WordedText): Record<string, number> {
  const { options } = choices;
  const lower = stem.lower;
  const lengths = options.map((option) => option.length);
  const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, lengths.length);
  const deviation = Math.sqrt(
    lengths.reduce((sum, length) => sum + (length - mean) ** 2, 0) / Math.max(1, lengths.length),
  );
  const some = options.length > 0 ? 1 : 0;
  const of = (test: (option: string) => boolean): number =>
    share(options.filter(test).length, options.length);
  const stemWords = new Set(stem.words.filter((word) => word.length > 3));
  const optionWords = options.flatMap((option) => option.toLowerCase().match(/[a-z]{4,}/g) ?? []);
  const distinct = new Set(optionWords);
  return {
    choices: some,
    optionLength: some * clamp(Math.log1p(mean) / Math.log(300)),
    optionSpread: some * share(deviation, Math.max(1, mean)),
    optionNumeric: of((option) => /^[\s$€£(−-]*[\d.,]+\s*[%a-z]{0,8}[\s).]*$/i.test(option)),
    optionFormula: of((option) => /[=^\\√π]|\d\s?[*/+]\s?\d|\bx\b/.test(option)),
    optionPair: of((option) => /^[^,;]{1,40}[,;]\s[^,;]{1,40}$/.test(option)),
    optionSentence: of((option) => /^[A-Z].{25,}[.]\s*$/s.test(option)),
    optionOneWord: of((option) => !/\s/.test(option.trim())),
    optionName: of((option) => /^[A-Z][\w'’-]*(?: [A-Z][\w'’-]*)+\.?$/.test(option)),
    optionAllOrNone: of((option) =>
      /\b(?:all|none|both|neither) (?:of (?:the|these)|the|a\b|\(?a\)? and|i )/i.test(option),
    ),
    optionRoman: of(
      (option) =>
        /^(?:I|II|III|IV)\b[^a-z]*(?:only|and)?/.test(option) && /only|and|,|^I+\.?$/.test(option),
    ),
    optionYesNo: of((option) => /^(?:yes|no|true|false|guilty|not guilty)\b/i.test(option)),
    optionBecause: of((option) => /\b(?:because|since|unless|if|although)\b/i.test(option)),
    optionOverlap: share([...distinct].filter((word) => stemWords.has(word)).length, distinct.size),
    optionRepeat: optionWords.length === 0 ? 0 : 1 - distinct.size / optionWords.length,
    optionShareOfText: some * share(mean * options.length, stem.length + mean * options.length),
    stemLength: some * lengthOf(stem),
    stemSentences: some * saturate(stem.sentences, 3),
    stemBlank: Number(/_{2,}|\.{4,}/.test(stem.lower)),
    stemUnfinished: some * Number(!/[?.:]["”)]?\s*$/.test(stem.text)),
    stemColon: some * Number(/:\s*$/.test(stem.text)),
    askWhich: Number(/\bwhich (?:of|one)\b/.test(lower)),
    askBest: Number(
      /\b(?:best|most likely|most appropriate|most accurate|primary|main|strongest)\b/.test(lower),
    ),
    askExcept: Number(
      /\b(?:except|not|least likely|false|incorrect)\b[^.?]*[.?:]?\s*$/i.test(stem.text),
    ),
    statements: saturate(
      count(lower, /\b(?:statement|scenario|case|claim|option) (?:[1-9]|i+\b)/g),
      1,
    ),
    judgeEach: Number(
      /\b(?:each|both|these two|the two|these three) (?:of |the )?(?:scenarios|statements|cases|claims|following)\b|\bstatement 1\b/.test(
        lower,
      ),
    ),
    passage: Number(/\b(?:following information|excerpt|passage|read the following)\b/.test(lower)),
  };
}
