/// The element types weights are stored in.
public enum ElementType: String, Sendable, CaseIterable {
  /// IEEE single precision.
  case float32
  /// IEEE half precision.
  case float16
  /// The upper half of a float32: 8 exponent bits, 7 fraction bits.
  case bfloat16

  /// Bytes of one element.
  package var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// Read-only bytes that weights live in: a mapped file or a heap block, released with the last
/// reference.
@safe package final class WeightStorage: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let release: @Sendable (UnsafeRawBufferPointer) -> Void

  /// Takes over `bytes`, which must stay valid and unchanged until `release` is called with them.
  @unsafe package init(
    bytes: UnsafeRawBufferPointer, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) {
    unsafe self.bytes = bytes
    unsafe self.release = release
  }

  /// A 64-byte aligned heap copy of `values`.
  package init(copying values: [Float]) {
    let count = values.count * MemoryLayout<Float>.stride
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 64), alignment: 64)
    unsafe values.withUnsafeBytes { source in
      if count > 0 { unsafe block.copyMemory(from: source) }
    }
    unsafe bytes = UnsafeRawBufferPointer(block)
    unsafe release = { unsafe $0.deallocate() }
  }

  /// A 64-byte aligned heap block that `fill` writes.
  @unsafe init(byteCount: Int, fill: (UnsafeMutableRawPointer) -> Void) {
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(byteCount, 64), alignment: 64)
    if let start = block.baseAddress { unsafe fill(start) }
    unsafe bytes = UnsafeRawBufferPointer(block)
    unsafe release = { unsafe $0.deallocate() }
  }

  deinit { unsafe release(bytes) }
}

/// One weight matrix as stored, row-major (out, in); 16-bit types stay 16-bit.
package struct WeightMatrix: Sendable {
  /// Output features.
  package let rows: Int
  /// Input features.
  package let columns: Int
  /// How an element is stored.
  package let type: ElementType
  let storage: WeightStorage
  let byteOffset: Int

  /// A matrix of `rows` × `columns` elements of `type` at `byteOffset` in `storage`.
  ///
  /// The offset must be a multiple of the element size and the matrix must lie inside the storage.
  package init(
    rows: Int, columns: Int, type: ElementType, storage: WeightStorage, byteOffset: Int = 0
  ) {
    let byteCount = rows * columns * type.byteCount
    let available = unsafe storage.bytes.count
    precondition(
      byteOffset >= 0 && byteOffset % type.byteCount == 0 && byteOffset + byteCount <= available,
      "weight \(rows)×\(columns) at \(byteOffset) lies outside its storage")
    self.rows = rows
    self.columns = columns
    self.type = type
    self.storage = storage
    self.byteOffset = byteOffset
  }

  /// Some of its rows, in the same storage.
  package func part(rows range: Range<Int>) -> WeightMatrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return WeightMatrix(
      rows: range.count, columns: columns, type: type, storage: storage,
      byteOffset: byteOffset + range.lowerBound * columns * type.byteCount)
  }

  /// A float32 matrix of `values`, row-major.
  package init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows)×\(columns)")
    self.init(
      rows: rows, columns: columns, type: .float32, storage: WeightStorage(copying: values))
  }
}

/// The parameters of one decoder layer; matrices are (out, in).
///
/// Its ``LayerKind`` says which there are.
package struct LayerWeights: Sendable {
  /// Scale of the norm before attention, (C).
  package var attentionNorm: [Float]?
  /// Query projection, (H·D, C).
  package var wq: WeightMatrix
  /// Key projection, (K·D, C).
  package var wk: WeightMatrix
  /// Value projection, (K·D, C).
  package var wv: WeightMatrix
  /// Output projection, (C, H·D).
  package var wo: WeightMatrix
  /// Biases of q (H·D), k (K·D) and v (K·D).
  package var biases: (q: [Float], k: [Float], v: [Float])?
  /// Bias of the output projection, (C).
  package var outputBias: [Float]?
  /// Scales of the norms of q and k: (D) each where a head is normed, else (H·D) and (K·D).
  package var headNorms: (q: [Float], k: [Float])?
  /// Scale of the norm behind attention, (C).
  package var attentionOutputNorm: [Float]?
  /// Scale of the norm before the feed-forward block, (C).
  package var mlpNorm: [Float]?
  /// Learned logits of the softmax of each query head, (H).
  package var sinks: [Float]?
  /// Router, (E, C), where there are experts.
  package var router: WeightMatrix?
  /// Biases of the router, (E), and of all experts' projections, (E·F), (E·F) and (E·C).
  package var expertBiases: ExpertBiases?
  /// Gate projection, (F, C); of all experts under one another, (E·F, C).
  package var wGate: WeightMatrix
  /// Up projection, as the gate's.
  package var wUp: WeightMatrix
  /// Down projection, (C, F); of all experts, (E·C, F).
  package var wDown: WeightMatrix
  /// Scale of the norm behind the feed-forward block, (C).
  package var mlpOutputNorm: [Float]?

  /// Collects the parameters of one layer.
  package init(
    attentionNorm: [Float]?, wq: WeightMatrix, wk: WeightMatrix, wv: WeightMatrix,
    wo: WeightMatrix, biases: (q: [Float], k: [Float], v: [Float])? = nil,
    outputBias: [Float]? = nil, headNorms: (q: [Float], k: [Float])? = nil,
    sinks: [Float]? = nil, attentionOutputNorm: [Float]? = nil, mlpNorm: [Float]?,
    router: WeightMatrix? = nil, expertBiases: ExpertBiases? = nil,
    wGate: WeightMatrix, wUp: WeightMatrix, wDown: WeightMatrix, mlpOutputNorm: [Float]? = nil
  ) {
    self.attentionNorm = attentionNorm
    self.wq = wq
    self.wk = wk
    self.wv = wv
    self.wo = wo
    self.biases = biases
    self.outputBias = outputBias
    self.headNorms = headNorms
    self.attentionOutputNorm = attentionOutputNorm
    self.mlpNorm = mlpNorm
    self.sinks = sinks
    self.router = router
    self.expertBiases = expertBiases
    self.wGate = wGate
    self.wUp = wUp
    self.wDown = wDown
    self.mlpOutputNorm = mlpOutputNorm
  }
}

/// Biases of a mixture of experts.
package struct ExpertBiases: Sendable {
  /// (E).
  package var router: [Float]
  /// (E·F).
  package var gate: [Float]
  /// (E·F).
  package var up: [Float]
  /// (E·C).
  package var down: [Float]

  /// Collects them.
  package init(router: [Float], gate: [Float], up: [Float], down: [Float]) {
    (self.router, self.gate, self.up, self.down) = (router, gate, up, down)
  }
}

/// All parameters of a decoder.
package struct DecoderWeights: Sendable {
  /// Token embeddings, (V, C).
  package var embedding: WeightMatrix
  /// One entry per layer, first layer first.
  package var layers: [LayerWeights]
  /// Scale of the final norm, (C).
  package var finalNorm: [Float]
  /// Output projection (V, C); the embedding where they are tied.
  package var output: WeightMatrix

  /// Collects the parameters; `output` defaults to the embedding (tied).
  package init(
    embedding: WeightMatrix, layers: [LayerWeights], finalNorm: [Float],
    output: WeightMatrix? = nil
  ) {
    self.embedding = embedding
    self.layers = layers
    self.finalNorm = finalNorm
    self.output = output ?? embedding
  }
}
