// Sets of UTF-16 code units, as patterns name them.

/** Whether a code unit is in the set. */
export type Units = (unit: number) => boolean;

const ascii = 128;

/** The set of some ranges, or of all else; `anyCase`: with the other case of each letter. */
export function createUnits(
  ranges: readonly (readonly [from: number, to?: number])[],
  isNegated: boolean,
  anyCase = false,
): Units {
  const isListed = (unit: number): boolean =>
    ranges.some(([from, to = from]) => unit >= from && unit <= to);
  const isIn = (unit: number): boolean => {
    const found = isListed(unit) || (anyCase && casesOf(unit).some(isListed));
    return found !== isNegated;
  };
  const table = Uint8Array.from({ length: ascii }, (_, unit) => Number(isIn(unit)));
  return (unit) => (unit < ascii ? table[unit] === 1 : isIn(unit));
}

/** Its upper and lower case, where that is one code unit. */
function casesOf(unit: number): number[] {
  const sign = String.fromCharCode(unit);
  return [sign.toUpperCase(), sign.toLowerCase()]
    .filter((text) => text.length === 1)
    .map((text) => text.charCodeAt(0));
}
