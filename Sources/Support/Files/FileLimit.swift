/// The most bytes that a file of each kind may have; larger ones are refused before they are read.
package enum FileLimit {
  /// A run configuration or a sweep.
  package static let configuration = 256 << 10
  /// A config.json.
  package static let modelConfiguration = 16 << 20
  /// An index of shards.
  package static let index = 64 << 20
  /// A tokenizer.json.
  package static let tokenizer = 256 << 20
  /// A table of gates.
  package static let gates = 16 << 20
  /// Scores of retrieval heads.
  package static let scores = 64 << 20
  /// A headmap.json.
  package static let map = 16 << 20
  /// The record of a run, a sweep or a step.
  package static let record = 16 << 20
  /// A table of a run folder.
  package static let table = 256 << 20
  /// What an interrupted search continues from.
  package static let search = 256 << 20
  /// A text that passkeys are hidden in.
  package static let text = 256 << 20

  /// A limit in words.
  package static func words(_ bytes: Int) -> String {
    bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
  }
}
