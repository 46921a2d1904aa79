// Names with one `*` in them, which stands for any text.

/** What the star stands for; undefined when the name does not fit. @example starOf("a-*-c", "a-b-c") // → "b" */
export function starOf(pattern: string, name: string): string | undefined {
  const [before = "", after = ""] = pattern.split("*");
  const isLong = name.length > before.length + after.length;
  return isLong && name.startsWith(before) && name.endsWith(after)
    ? name.slice(before.length, name.length - after.length)
    : undefined;
}
