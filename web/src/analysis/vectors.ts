// Sums and products of vectors and matrices, row after row in flat arrays.

export function add(sum: Float64Array, more: Float64Array): Float64Array {
  for (let at = 0; at < sum.length; at++) sum[at] += more[at]
  return sum
}

// sum += factor · more
export function addScaled(sum: Float64Array, more: Float64Array, factor: number): Float64Array {
  for (let at = 0; at < sum.length; at++) sum[at] += factor * more[at]
  return sum
}

// sum += vector @ matrix, which has as many columns as the sum has numbers
export function addProduct(sum: Float64Array, vector: Float64Array, matrix: Float64Array): Float64Array {
  const columns = sum.length
  for (let row = 0; row < vector.length; row++)
    for (let column = 0; column < columns; column++) sum[column] += vector[row] * matrix[row * columns + column]
  return sum
}

// one @ other, of matrices; inner: the columns of the one, and the rows of the other
export function product(one: Float64Array, other: Float64Array, inner: number): Float64Array {
  const [rows, columns] = [one.length / inner, other.length / inner]
  const found = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++)
    addProduct(found.subarray(row * columns, (row + 1) * columns), one.subarray(row * inner, (row + 1) * inner), other)
  return found
}

export function identity(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, at) => Number(at % (size + 1) === 0))
}

export function transposed(matrix: Float64Array, columns: number): Float64Array {
  const rows = matrix.length / columns
  return Float64Array.from(matrix, (_, at) => matrix[(at % rows) * columns + Math.floor(at / rows)])
}
