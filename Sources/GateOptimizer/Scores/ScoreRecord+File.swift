import Support
import Transformer

extension ScoreRecord {
  /// Reads zigzag's own file of scores at `path`.
  ///
  /// - Throws: `FileError` that names the file and the place of what is wrong.
  public init(contentsOf path: String) throws(FileError) {
    self = try Self.parse(
      TextFile.bytes(at: path, what: "file of scores", limit: FileLimit.scores), path: path)
  }

  /// The scores as gates of the heads that `space` decides on; `path` names the file in errors.
  ///
  /// - Throws: `FileError` where they are of other layers or heads.
  public func gates(
    of space: MapSpace, grouping: HeadScores.Grouping, path: String
  ) throws(FileError) -> GateMatrix {
    guard scores.layers == space.layers, keyValueHeads == space.heads else {
      throw .invalid(
        path: path, place: "the scores",
        expected: "\(space.layers) layers × \(space.heads) key-value heads",
        found: "\(scores.layers) × \(keyValueHeads)",
        fix: "remove the file, so that the heads are scored again")
    }
    return scores.gates(keyValueHeads: space.heads, grouping: grouping).within(space)
  }
}
