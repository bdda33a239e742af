/// The edits that turn `a` into `b`: insertions, deletions and substitutions of a character, and
/// exchanges of two neighbours (optimal string alignment).
package func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8))
  var (beforeLast, last) = ([Int](), Array(0...b.count))
  for (i, x) in a.enumerated() {
    var current = [i + 1]
    for (j, y) in b.enumerated() {
      var edits = min(last[j] + (x == y ? 0 : 1), last[j + 1] + 1, current[j] + 1)
      if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { edits = min(edits, beforeLast[j - 1] + 1) }
      current.append(edits)
    }
    (beforeLast, last) = (last, current)
  }
  return last[b.count]
}
