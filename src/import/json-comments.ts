// JSON as people write it into configuration files: its comments become those of YAML, so that they can be kept.

/**
 * The same text with `//` and block comments as `#` comments, which a YAML parser understands.
 * @example toYamlComments('{ "a": 1 } // one') // → '{ "a": 1 } # one'
 */
export const toYamlComments = (text: string): string =>
  text
    .replaceAll(
      /("(?:[^"\\\n]|\\.)*"|'[^'\n]*')|\/\/([^\n]*)|\/\*([^]*?)\*\//g,
      (match: string, string?: string, line?: string, block?: string) => {
        if (string !== undefined) return string;
        if (line !== undefined) return ` #${line}`;
        if (block === undefined) return match;
        const lines = block.split("\n").map((each) => each.trim().replace(/^\*+ ?/, ""));
        return `${lines
          .filter((each) => each !== "")
          .map((each) => ` # ${each}`)
          .join("\n")}\n`;
      },
    )
    // Tabs before a line are no indentation here, and YAML refuses them as such.
    .replaceAll(/^[\t ]+/gm, (blank) => blank.replaceAll("\t", "  "));
