/// The element types weights are stored in.
public enum ElementType: String, Sendable, CaseIterable {
  /// IEEE single precision.
  case float32
  /// IEEE half precision.
  case float16
  /// The upper half of a float32: 8 exponent bits, 7 fraction bits.
  case bfloat16

  /// Bytes of one element.
  public var byteCount: Int { self == .float32 ? 4 : 2 }
}

/// Read-only bytes that weights live in: a mapped file or a heap block, released with the last
/// reference.
@safe public final class WeightStorage: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let release: @Sendable (UnsafeRawBufferPointer) -> Void

  /// Takes over `bytes`, which must stay valid and unchanged until `release` is called with them.
  @unsafe public init(
    bytes: UnsafeRawBufferPointer, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) {
    unsafe self.bytes = bytes
    unsafe self.release = release
  }

  /// A 64-byte aligned heap copy of `values`.
  public init(copying values: [Float]) {
    let count = values.count * MemoryLayout<Float>.stride
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 64), alignment: 64)
    unsafe values.withUnsafeBytes { source in
      if count > 0 { unsafe block.copyMemory(from: source) }
    }
    unsafe bytes = UnsafeRawBufferPointer(block)
    unsafe release = { unsafe $0.deallocate() }
  }

  deinit { unsafe release(bytes) }
}

/// One weight matrix as stored, row-major (out, in); 16-bit types stay 16-bit.
public struct WeightMatrix: Sendable {
  /// Output features.
  public let rows: Int
  /// Input features.
  public let columns: Int
  /// How an element is stored.
  public let type: ElementType
  let storage: WeightStorage
  let byteOffset: Int

  /// A matrix of `rows` × `columns` elements of `type` at `byteOffset` in `storage`.
  ///
  /// The offset must be a multiple of the element size and the matrix must lie inside the storage.
  public init(
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

  /// A float32 matrix of `values`, row-major.
  public init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows)×\(columns)")
    self.init(
      rows: rows, columns: columns, type: .float32, storage: WeightStorage(copying: values))
  }
}

/// The parameters of one decoder layer; matrices are (out, in).
public struct LayerWeights: Sendable {
  /// Scale of the norm before attention, (C).
  public var attentionNorm: [Float]
  /// Query projection, (H·D, C).
  public var wq: WeightMatrix
  /// Key projection, (K·D, C).
  public var wk: WeightMatrix
  /// Value projection, (K·D, C).
  public var wv: WeightMatrix
  /// Output projection, (C, H·D).
  public var wo: WeightMatrix
  /// Biases of q (H·D), k (K·D) and v (K·D) where the family has them (Qwen2).
  public var biases: (q: [Float], k: [Float], v: [Float])?
  /// Per-head norm scales of q and k, (D) each, where the family has them (Qwen3).
  public var headNorms: (q: [Float], k: [Float])?
  /// Scale of the norm before the feed-forward block, (C).
  public var mlpNorm: [Float]
  /// Gate projection, (F, C).
  public var wGate: WeightMatrix
  /// Up projection, (F, C).
  public var wUp: WeightMatrix
  /// Down projection, (C, F).
  public var wDown: WeightMatrix

  /// Collects the parameters of one layer.
  public init(
    attentionNorm: [Float], wq: WeightMatrix, wk: WeightMatrix, wv: WeightMatrix, wo: WeightMatrix,
    biases: (q: [Float], k: [Float], v: [Float])? = nil,
    headNorms: (q: [Float], k: [Float])? = nil,
    mlpNorm: [Float], wGate: WeightMatrix, wUp: WeightMatrix, wDown: WeightMatrix
  ) {
    self.attentionNorm = attentionNorm
    self.wq = wq
    self.wk = wk
    self.wv = wv
    self.wo = wo
    self.biases = biases
    self.headNorms = headNorms
    self.mlpNorm = mlpNorm
    self.wGate = wGate
    self.wUp = wUp
    self.wDown = wDown
  }
}

/// All parameters of a decoder.
public struct DecoderWeights: Sendable {
  /// Token embeddings, (V, C).
  public var embedding: WeightMatrix
  /// One entry per layer, first layer first.
  public var layers: [LayerWeights]
  /// Scale of the final norm, (C).
  public var finalNorm: [Float]
  /// Output projection (V, C); the embedding where they are tied.
  public var output: WeightMatrix

  /// Collects the parameters; `output` defaults to the embedding (tied).
  public init(
    embedding: WeightMatrix, layers: [LayerWeights], finalNorm: [Float],
    output: WeightMatrix? = nil
  ) {
    self.embedding = embedding
    self.layers = layers
    self.finalNorm = finalNorm
    self.output = output ?? embedding
  }
}
