import Support

extension ScoreRecord {
  /// Reads zigzag's own file of scores at `path`.
  ///
  /// - Throws: `FileError` that names the file and the place of what is wrong.
  public init(contentsOf path: String) throws(FileError) {
    self = try Self.parse(
      TextFile.bytes(at: path, what: "file of scores", limit: FileLimit.scores), path: path)
  }
}
