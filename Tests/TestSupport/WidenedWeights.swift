import Transformer

extension WeightMatrix {
  /// All values as float32, (rows, columns).
  package func widened() -> Tensor {
    var result = Tensor(rows: rows, columns: columns)
    var view = result.mutableView
    for r in 0..<rows {
      var out = view.row(r)
      widen(row: r, into: &out)
    }
    return result
  }

  /// `values`, as many in each row, in the form that a model file stores `type` in.
  public init(rounding values: [[Double]], to type: ElementType) {
    let numbers = values.joined().map(Float.init)
    let columns = values.first?.count ?? 0
    guard type != .float32 else {
      self.init(rows: values.count, columns: columns, values: numbers)
      return
    }
    let bits = numbers.map { number in
      type == .float16 ? Float16(number).bitPattern : UInt16(number.bitPattern >> 16)
    }
    let block = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(2 * bits.count, 1), alignment: 64)
    unsafe bits.withUnsafeBytes { unsafe block.copyMemory(from: $0) }
    let storage = unsafe WeightStorage(bytes: UnsafeRawBufferPointer(block)) {
      unsafe $0.deallocate()
    }
    self.init(rows: values.count, columns: columns, type: type, storage: storage)
  }
}
