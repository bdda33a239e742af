import Support

/// What a `quantization_config` says of a Hugging Face checkpoint: FP8 with factors of blocks, the one scheme that is
/// read.
///
/// A weight W is stored as `name.weight` in F8_E4M3 and `name.weight_scale_inv`, a factor for each block of it.
struct QuantizedWeights {
  /// Rows and columns of a block; nil where a matrix has one factor.
  private let block: (rows: Int, columns: Int)?

  private static let suffix = "_scale_inv"

  /// Reads the object `value`.
  ///
  /// - Throws: `FileError.unsupported` that names any other scheme.
  ///
  /// MXFP4 is the form of gpt-oss' experts, which that family puts together.
  init(_ value: MetadataValue, modelType: String?, path: String, place: String) throws(FileError) {
    guard case .object(let members) = value else {
      throw .invalid(
        path: path, place: place, expected: "an object", found: value.quoted,
        fix: "fetch the file again")
    }
    let supported =
      "unquantised weights, FP8 with factors of blocks (fp8), or a .gguf file"
    let method = members["quant_method"]?.text ?? "an unknown method"
    if method == "mxfp4", modelType == ModelFamily.gptOss.modelType {
      block = nil
      return
    }
    guard method == "fp8" else {
      let bits = (members["bits"] ?? members["w_bit"])?.integer.map { ", \($0) bits" } ?? ""
      let format = members["format"]?.text.map { ", \($0)" } ?? ""
      throw .unsupported(
        path: path, place: place,
        found: "weights quantised by \(method.shown(limit: 60))\(format)\(bits)",
        supported: supported)
    }
    if let format = members["fmt"]?.text, format != "e4m3" {
      throw .unsupported(
        path: path, place: place, found: "FP8 of the form \(format.shown(limit: 60))",
        supported: "e4m3")
    }
    if members["activation_scheme"]?.text == "static", members["weight_block_size"] == nil {
      throw .unsupported(
        path: path, place: place,
        found:
          "FP8 with one factor for each matrix (activation_scheme static, no weight_block_size)",
        supported: supported)
    }
    // transformers' blocks are of 128 where the key is absent; null stands for one factor a matrix.
    let size = members["weight_block_size"] ?? .integers([128, 128])
    guard size != .null else {
      block = nil
      return
    }
    guard let sizes = size.integers, sizes.count == 2,
      sizes.allSatisfy({ (1...1 << 20).contains($0) })
    else {
      throw .invalid(
        path: path, place: place, expected: "weight_block_size of two sizes", found: size.quoted,
        fix: "fetch the file again")
    }
    block = (sizes[0], sizes[1])
  }

  /// `tensors` in which each FP8 matrix has its factors, which are no tensors of their own then.
  ///
  /// - Throws: `FileError.invalid` where factors are missing, or of another shape than the blocks.
  static func scaled(
    _ tensors: [String: SourceTensor], by quantized: QuantizedWeights?, path: String
  ) throws(FileError) -> [String: SourceTensor] {
    var tensors = tensors
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) where tensor.type == .float8 {
      guard let quantized else {
        throw .unsupported(
          path: path, place: tensor.name,
          found: "the type F8_E4M3 without a quantization_config of FP8",
          supported: "F32, F16, BF16 or F64 tensors, or FP8 with factors of blocks")
      }
      guard let factors = tensors.removeValue(forKey: name + suffix) else {
        // Other programs' form, whose config.json may say no more than fp8.
        if tensors[name + "_scale"] != nil {
          throw .unsupported(
            path: path, place: "key quantization_config",
            found: "FP8 with one factor for each matrix, or each row of it (\(tensor.name)_scale)",
            supported: "unquantised weights, or FP8 with factors of blocks")
        }
        throw .invalid(
          path: path, place: tensor.name + suffix, expected: "the factors of \(tensor.name)",
          found: "nothing", fix: "the checkpoint is not complete, so fetch it again")
      }
      tensors[name]?.scales = try quantized.scales(factors, of: tensor)
    }
    return tensors
  }

  private func scales(
    _ factors: SourceTensor, of tensor: SourceTensor
  ) throws(FileError) -> BlockScales {
    guard tensor.shape.count == 2 else {
      throw .invalid(
        path: tensor.file.path, place: tensor.name, expected: "a matrix of FP8",
        found: "shape \(tensor.shape)", fix: "fetch the file again")
    }
    let (rows, columns) = block ?? (max(tensor.shape[0], 1), max(tensor.shape[1], 1))
    let count = [
      (tensor.shape[0] + rows - 1) / rows, (tensor.shape[1] + columns - 1) / columns,
    ]
    guard factors.shape == count || (block == nil && factors.shape.reduce(1, *) == 1) else {
      throw .invalid(
        path: factors.file.path, place: factors.name,
        expected: "shape \(count), a factor for each block of \(rows) × \(columns)",
        found: "shape \(factors.shape)", fix: "fetch the file again")
    }
    return BlockScales(
      factors: try factors.readValues(), across: count[1], rows: rows, columns: columns)
  }
}
