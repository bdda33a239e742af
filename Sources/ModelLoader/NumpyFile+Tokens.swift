import Support

extension NumpyFile {
  /// One row of token ids, as other programs save them: int32 or int64, each below `vocabulary`.
  ///
  /// - Throws: `FileError` if the array is empty, has more than one row, or holds a number
  ///   that is no token of this vocabulary.
  public static func readTokens(
    path: String, vocabulary: Int
  ) throws(FileError) -> [Int32] {
    let (shape, ids) = try readInt32(path: path)
    func invalid(_ place: String, _ expected: String, _ found: String) -> FileError {
      .invalid(
        path: path, place: place, expected: expected, found: found,
        fix: "save the ids that this model's tokenizer gives")
    }
    guard shape.filter({ $0 != 1 }).count <= 1, !ids.isEmpty else {
      throw invalid("the shape", "one row of token ids", "\(shape)")
    }
    if let index = ids.firstIndex(where: { $0 < 0 || Int($0) >= vocabulary }) {
      throw invalid("token \(index)", "an id from 0 to \(vocabulary - 1)", "\(ids[index])")
    }
    return ids
  }
}
