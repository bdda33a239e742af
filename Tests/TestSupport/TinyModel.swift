import Foundation
import ModelLoader
import Transformer

/// A model file small enough to be run whole in a test, with a tokenizer that knows every byte.
package enum TinyModel {
  /// Two layers, hidden 16, 4 query and 2 key-value heads of 8, vocabulary 256, 512 positions.
  package static let configuration = ModelConfiguration(
    modelType: "llama", layers: 2, hidden: 16, feedForward: 32, queryHeads: 4, keyValueHeads: 2,
    headDim: 8, vocabulary: 256, maxPositions: 512, tiedEmbeddings: true)

  /// Wide enough that every product and every attention is cut into several tasks: three layers, hidden
  /// 96, 6 query and 3 key-value heads of 16, vocabulary 256, 1,024 positions.
  package static let wide = ModelConfiguration(
    modelType: "llama", layers: 3, hidden: 96, feedForward: 320, queryHeads: 6, keyValueHeads: 3,
    headDim: 16, vocabulary: 256, maxPositions: 1024, tiedEmbeddings: true)

  /// Writes the model file at `path`; its weights are a function of their names, places and `seed`,
  /// those of the layers' matrices up to `scale`.
  ///
  /// With `addsPrefixSpace` it is the same but for its tokenizer.
  package static func write(
    _ configuration: ModelConfiguration = configuration, to path: String, seed: UInt64 = 7,
    scale: Float = 0.4, addsPrefixSpace: Bool = false
  ) throws {
    let contents = ModelFileContents(
      configuration: configuration, source: "test",
      tokenizerJSON: try tokenizer(addsPrefixSpace: addsPrefixSpace))
    var writer = try ModelFileWriter(path: path, contents: contents) { _ in .float32 }
    for parameter in Parameter.all(in: configuration) {
      let shape = parameter.shape(in: configuration)
      let name = parameter.name.utf8.reduce(seed) { $0 &* 31 &+ UInt64($1) }
      let values = (0..<shape.reduce(1, *)).map { index in
        shape.count == 1
          ? 1 : noise(name &+ UInt64(index)) * (parameter == .embedding ? 0.4 : scale)
      }
      try writer.append(values.span, to: parameter.name)
    }
    _ = try writer.finish()
  }

  /// A number in −1…1 that depends on `seed` alone.
  private static func noise(_ seed: UInt64) -> Float {
    var z = (seed &+ 1) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float(z >> 40) / Float(1 << 23) - 1
  }

  /// A byte-level BPE tokenizer without merges: one token per byte, with `before` and `behind`, ids of
  /// bytes, around a whole text.
  package static func tokenizer(
    addsPrefixSpace: Bool = false, before: [UInt8] = [], behind: [UInt8] = []
  ) throws -> Data {
    let printable = Array(33...126) + Array(161...172) + Array(174...255)
    let others = (0...255).filter { !printable.contains($0) }
    var vocabulary: [String: Int] = [:]
    for byte in printable { vocabulary[scalar(byte)] = byte }
    for (place, byte) in others.enumerated() { vocabulary[scalar(256 + place)] = byte }
    let byteLevel: [String: Any] = [
      "type": "ByteLevel", "add_prefix_space": addsPrefixSpace, "trim_offsets": true,
      "use_regex": true,
    ]
    let json: [String: Any] = [
      "version": "1.0", "added_tokens": [Any](), "normalizer": NSNull(),
      "pre_tokenizer": byteLevel, "post_processor": template(before, behind),
      "decoder": byteLevel,
      "model": [
        "type": "BPE", "vocab": vocabulary, "merges": [String](), "fuse_unk": false,
        "byte_fallback": false,
      ] as [String: Any],
    ]
    // Sorted, so that two processes write the same bytes, which are part of the model's identity.
    return try JSONSerialization.data(withJSONObject: json, options: .sortedKeys)
  }

  private static func template(_ before: [UInt8], _ behind: [UInt8]) -> Any {
    if before.isEmpty && behind.isEmpty { return NSNull() }
    func items(_ bytes: [UInt8]) -> [[String: Any]] {
      bytes.map { ["SpecialToken": ["id": "\($0)", "type_id": 0] as [String: Any]] }
    }
    let text: [String: Any] = ["Sequence": ["id": "A", "type_id": 0] as [String: Any]]
    let tokens = (before + behind).map { byte in
      ("\(byte)", ["id": "\(byte)", "ids": [Int(byte)], "tokens": ["\(byte)"]] as [String: Any])
    }
    return [
      "type": "TemplateProcessing", "single": items(before) + [text] + items(behind),
      "special_tokens": Dictionary(tokens) { first, _ in first },
    ] as [String: Any]
  }

  private static func scalar(_ value: Int) -> String {
    Unicode.Scalar(UInt32(value)).map { String(Character($0)) } ?? ""
  }
}
