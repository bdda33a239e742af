import ModelLoader
import Transformer

/// Files of embeddings for tests, docs/scores.md.
package enum EmbeddingSamples {
  /// A file whose arrays have the names of a sample before a stroke and those of a dataset behind it.
  package static func archive(_ arrays: [String: HDF5Array]) -> HDF5Archive {
    HDF5Archive(
      attributes: ["format": .text("zigzag-embeddings"), "format_version": .integer(1)],
      arrays: arrays)
  }

  /// The datasets of a sample whose rows are the embeddings of tokens.
  ///
  /// - Parameters:
  ///   - name: The sample's.
  ///   - decoder: Whose embeddings.
  ///   - parts: Tokens by dataset, such as prefix.
  ///   - documents: Their places in the prefix.
  ///   - gold: Those that hold the answer.
  ///   - needles: Places of the prefix; the gold documents if nil.
  /// - Returns: The datasets by name.
  package static func sample(
    _ name: String, _ decoder: DecoderModel, _ parts: [String: [Int32]], documents: [Range<Int>],
    gold: [Int], needles: [Range<Int>]? = nil
  ) -> [String: HDF5Array] {
    var arrays: [String: HDF5Array] = [
      "\(name)/documents": spans(documents),
      "\(name)/gold": .integers(gold.map(Int64.init), shape: [gold.count]),
    ]
    arrays["\(name)/needles"] = needles.map(spans)
    for (part, tokens) in parts {
      arrays["\(name)/\(part)"] = .floats(
        decoder.embed(tokens, rows: .all(tokens.count)).values,
        shape: [tokens.count, decoder.configuration.hidden])
    }
    return arrays
  }

  /// Half-open spans as a dataset has them.
  package static func spans(_ spans: [Range<Int>]) -> HDF5Array {
    .integers(
      spans.flatMap { [Int64($0.lowerBound), Int64($0.upperBound)] }, shape: [spans.count, 2])
  }
}
