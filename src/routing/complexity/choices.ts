// A multiple-choice question taken apart: its stem and its options.

/** A question with its options, if it has any. */
export interface Choices {
  stem: string;
  /** Texts of the options, without their letters. */
  options: string[];
}

const optionLine = /^[ \t]*\(?([A-Ja-j]|[1-9])[.)][ \t]+(.*)$/;
const answerLine = /^\s*answer\s*:?\s*$/i;

/** Finds the options at the end of a text; none when fewer than two consecutive ones stand there. */
export function choicesOf(text: string): Choices {
  if (!/\n[ \t]*\(?[Bb2][.)][ \t]/.test(text)) return { stem: text, options: [] };
  const lines = text.split("\n");
  const options: string[] = [];
  let start = lines.length;
  let end = lines.length;
  for (let index = lines.length - 1; index >= 0; index -= 1) {
    const line = lines[index] ?? "";
    const match = optionLine.exec(line);
    if (match) {
      options.unshift([match[2] ?? "", ...lines.slice(index + 1, end)].join(" ").trim());
      start = index;
      end = index;
      if (/^[Aa1]$/.test(match[1] ?? "")) break;
    } else if (options.length === 0 && (line.trim() === "" || answerLine.test(line))) {
      end = index;
    } else if (end - index > 6) {
      break;
    }
  }
  return options.length >= 2
    ? { stem: lines.slice(0, start).join("\n"), options }
    : { stem: text, options: [] };
}
