// Ridge regression in closed form: sums of outer products per group, so that leaving a group out costs a subtraction.

/** A symmetric matrix of `size` rows, row by row, and the vector on the right. */
export interface Sums {
  size: number;
  outer: Float64Array;
  right: Float64Array;
}

export function emptySums(size: number): Sums {
  return { size, outer: new Float64Array(size * size), right: new Float64Array(size) };
}

/** Adds one sample: `values` (with its 1 for the intercept) and its target. Only the lower triangle is kept. */
export function addSample(sums: Sums, values: Float64Array, target: number): void {
  const { size, outer, right } = sums;
  for (let row = 0; row < size; row += 1) {
    const value = values[row]!;
    if (value === 0) continue;
    right[row]! += value * target;
    const start = row * size;
    for (let column = 0; column <= row; column += 1)
      outer[start + column]! += value * values[column]!;
  }
}

/** Adds `sign` times other sums. */
export function addSums(into: Sums, other: Sums, sign: 1 | -1): void {
  for (let index = 0; index < into.outer.length; index += 1) {
    into.outer[index]! += sign * other.outer[index]!;
  }
  for (let index = 0; index < into.size; index += 1)
    into.right[index]! += sign * other.right[index]!;
}

/** Solves `matrix x = right` for a symmetric positive matrix given by its lower triangle, which is overwritten (Cholesky). */
export function solve(matrix: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  for (let row = 0; row < size; row += 1) {
    const rowStart = row * size;
    for (let column = 0; column <= row; column += 1) {
      const columnStart = column * size;
      let sum = matrix[rowStart + column]!;
      for (let k = 0; k < column; k += 1) sum -= matrix[rowStart + k]! * matrix[columnStart + k]!;
      if (row !== column) matrix[rowStart + column] = sum / matrix[columnStart + column]!;
      else if (sum > 0) matrix[rowStart + row] = Math.sqrt(sum);
      else throw new Error("ridge: the matrix is not positive: raise the penalty");
    }
  }
  const result = Float64Array.from(right);
  for (let row = 0; row < size; row += 1) {
    let sum = result[row]!;
    for (let k = 0; k < row; k += 1) sum -= matrix[row * size + k]! * result[k]!;
    result[row] = sum / matrix[row * size + row]!;
  }
  for (let row = size - 1; row >= 0; row -= 1) {
    let sum = result[row]!;
    for (let k = row + 1; k < size; k += 1) sum -= matrix[k * size + row]! * result[k]!;
    result[row] = sum / matrix[row * size + row]!;
  }
  return result;
}
