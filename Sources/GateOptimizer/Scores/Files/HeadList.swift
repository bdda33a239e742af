import Support

/// Query heads in the order of a file, best first, with numbers or without: all of a model's, or only some.
public struct HeadList: Sendable, Equatable {
  /// The heads, each once.
  public let places: [HeadPlace]
  /// A number for each of them; nil where the file ranks them without.
  public let scores: [Double]?

  /// A list of at least one head.
  ///
  /// - Throws: `FileError` where a head is named twice; `file` names the file.
  init(_ places: [HeadPlace], scores: [Double]?, file: String) throws(FileError) {
    guard !places.isEmpty else {
      throw Self.flaw(file, expected: "at least one head", found: "none")
    }
    var seen: Set<HeadPlace> = []
    for place in places where !seen.insert(place).inserted {
      throw Self.flaw(file, expected: "each head once", found: "\(place) twice")
    }
    (self.places, self.scores) = (places, scores)
  }

  private static func flaw(_ file: String, expected: String, found: String) -> FileError {
    .invalid(
      path: file, place: "the heads", expected: expected, found: found,
      fix: "correct the list or make it again")
  }

  /// Layers and query heads that the list has whole, (L, H); nil where heads are missing.
  ///
  /// A list of a single layer, or of one head a layer, may as well be a few heads of a larger model.
  public var wholeShape: (layers: Int, queryHeads: Int)? {
    let layers = 1 + (places.map(\.layer).max() ?? 0)
    let heads = 1 + (places.map(\.head).max() ?? 0)
    return places.count == layers * heads && layers > 1 && heads > 1 ? (layers, heads) : nil
  }

  /// Scores of all query heads of a model with so many layers and query heads.
  ///
  /// Heads that the file does not name count as the lowest. In a list with numbers they get the lowest number, or
  /// 0 where that is above. In one of n heads without numbers the head at place r, from 0, gets (n − r) / n, and the others 0.
  ///
  /// - Throws: `FileError` where the model lacks a head, or the list is a whole one of another shape.
  func completed(
    layers: Int, queryHeads: Int, file: String
  ) throws(FileError) -> HeadScores {
    let model = "\(layers) layers × \(queryHeads) query heads, as the model has"
    for place in places where place.layer >= layers || place.head >= queryHeads {
      throw Self.flaw(file, expected: "heads of \(model)", found: "the head \(place)")
    }
    if let whole = wholeShape, whole != (layers, queryHeads) {
      throw Self.flaw(
        file, expected: "scores for \(model)",
        found: "all heads of \(whole.layers) layers × \(whole.queryHeads) query heads")
    }
    let lowest = min(scores?.min() ?? 0, 0)
    var values = Array(repeating: lowest, count: layers * queryHeads)
    for (rank, place) in places.enumerated() {
      values[place.layer * queryHeads + place.head] =
        scores?[rank] ?? Double(places.count - rank) / Double(places.count)
    }
    return HeadScores(unit: .query, layers: layers, heads: queryHeads, values: values)
  }
}
