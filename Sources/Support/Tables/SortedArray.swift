extension Array {
  /// The first index whose element satisfies `predicate`, in an array in which all elements that do
  /// stand behind all that do not; the count where none does.
  @inlinable
  package func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if predicate(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
