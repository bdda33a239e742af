/// How the values of a prompt cache are stored.
package enum PromptStorage: String, CaseIterable, Sendable {
  /// As they are computed.
  case float32
  /// Rounded to IEEE half precision.
  case float16
  /// Rounded to the upper half of a float32.
  case bfloat16

  /// The type of an element.
  package var element: ElementType {
    switch self {
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    }
  }
}

/// The keys and values of one sample's prompt under full attention, which maps that stream after the prompt alone
/// do not change: one prefill serves all of them.
///
/// Thread-safe: nothing in it changes.
package final class PromptCache: Sendable {
  /// The whole sample, (T).
  package let tokens: [Int32]
  /// Where the prompt ends, B: positions before it are the prompt's.
  package let boundary: Int
  /// The positions whose final hidden states maps are asked for.
  package let rows: Range<Int>
  /// RoPE's angles up to the last of ``rows``.
  let table: RotaryTable
  /// Final hidden states under full attention of those of ``rows`` that are the prompt's, (rows, C).
  let hidden: Tensor
  private let layers: [any PromptLayers]

  /// Reads the prompt of `tokens`, all before `boundary`, once.
  ///
  /// - Parameters:
  ///   - decoder: The model.
  ///   - tokens: The sample, token ids within the vocabulary.
  ///   - boundary: Where its prompt ends, 1…T.
  ///   - rows: Positions whose final hidden states will be asked for; they end after `boundary`.
  ///   - storage: How keys and values are stored.
  ///   - room: Where in a file they go, of as many bytes as ``bytes(_:tokens:storage:)`` says; nil for memory.
  package init(
    _ decoder: DecoderModel, tokens: [Int32], boundary: Int, rows: Range<Int>,
    storage: PromptStorage = .float32, room: PromptRoom? = nil
  ) {
    precondition(
      boundary >= 1 && boundary < rows.upperBound && rows.upperBound <= tokens.count
        && !rows.isEmpty, "rows \(rows) after \(boundary) of \(tokens.count)")
    self.tokens = tokens
    self.boundary = boundary
    self.rows = rows
    let table = RotaryTable(decoder.configuration, positions: rows.upperBound)
    // The last layer needs keys and values alone, but for the rows that are asked for.
    let last = min(rows.lowerBound, boundary - 1)..<boundary
    let all = RowSet.all(boundary)
    var plan = [RowSet](repeating: all, count: decoder.configuration.layers)
    plan.append(RowSet(sink: 0, tail: last))
    var layers: [any PromptLayers] = []
    let shape = decoder.shape
    let x = decoder.walk(decoder.embed(tokens, rows: all), rows: plan, table: table) {
      layer, qkv in
      let seen = layer.kind.promptRows(before: boundary)
      let k = all.gather(qkv.k, seen)
      let v = all.gather(qkv.v, seen)
      layers.append(
        storage == .float32 && room == nil
          ? PromptLayer(rows: seen, k: k, v: v, shape: shape)
          : StoredLayer(rows: seen, k: k, v: v, storage.element, shape, room))
      return layer.attend(qkv, layer.kind.ownVisibility).output()
    }
    hidden = decoder.finalNorm(x.view)
    self.table = table
    self.layers = layers
  }

  /// Bytes of keys and values held in memory.
  package var byteCount: Int { layers.reduce(0) { $0 + $1.byteCount } }

  /// Bytes that the keys and values of a prompt of `tokens` tokens take.
  package static func bytes(
    _ configuration: ModelConfiguration, tokens: Int, storage: PromptStorage = .float32
  ) -> Int {
    let rows = configuration.kinds.reduce(0) { $0 + $1.promptRows(before: tokens).count }
    return 2 * rows * configuration.keyValueHeads * configuration.headDim
      * storage.element.byteCount
  }

  /// Keys and values of one layer.
  func layer(_ index: Int) -> PromptLayer { layers[index].layer }

  /// The rows that are computed for each map: those after the prompt.
  var ownRows: Range<Int> { boundary..<rows.upperBound }
}

extension LayerKind {
  /// The rows of a prompt of `end` ≥ 1 tokens that are seen after it: all, or those in the layer's own window.
  fileprivate func promptRows(before end: Int) -> RowSet {
    let first = ownWindow.map { min(max(0, $0.start(of: end)), end - 1) } ?? 0
    return RowSet(sink: 0, tail: first..<end)
  }
}

/// Keys and values of one layer, however they are kept.
private protocol PromptLayers: Sendable {
  /// Bytes of memory they take.
  var byteCount: Int { get }
  /// They themselves, in float32.
  var layer: PromptLayer { get }
}

extension PromptLayer: PromptLayers {
  fileprivate var layer: PromptLayer { self }

  fileprivate var byteCount: Int {
    2 * values.rows * values.columns * MemoryLayout<Float>.stride
  }
}

/// Keys and values of one layer in 16 bits, or in a file.
private final class StoredLayer: PromptLayers {
  private let k: WeightMatrix
  private let v: WeightMatrix
  private let rows: RowSet
  private let shape: AttentionShape
  private let isInFile: Bool

  init(
    rows: RowSet, k: borrowing Tensor, v: borrowing Tensor, _ type: ElementType,
    _ shape: AttentionShape, _ room: PromptRoom?
  ) {
    if let room {
      (self.k, self.v) = (room.matrix(k, as: type), room.matrix(v, as: type))
    } else {
      (self.k, self.v) = (
        WeightMatrix(rounding: k, to: type), WeightMatrix(rounding: v, to: type)
      )
    }
    self.rows = rows
    isInFile = room != nil
    self.shape = shape
  }

  var byteCount: Int { isInFile ? 0 : 2 * k.rows * k.columns * k.type.byteCount }

  var layer: PromptLayer {
    PromptLayer(rows: rows, k: k.widened(), v: v.widened(), shape: shape)
  }
}
