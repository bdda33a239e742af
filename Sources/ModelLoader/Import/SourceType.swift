import Transformer

/// How the values of a tensor are encoded in a checkpoint; raw values are GGUF's type names.
package enum SourceType: String, CaseIterable, Sendable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case q8_0 = "Q8_0"
  case q4_0 = "Q4_0"
  case q4_1 = "Q4_1"
  case q5_0 = "Q5_0"
  case q5_1 = "Q5_1"
  case q4_K = "Q4_K"
  case q5_K = "Q5_K"
  case q6_K = "Q6_K"

  /// Values that are encoded together.
  var blockCount: Int {
    switch self {
    case .float64, .float32, .float16, .bfloat16: 1
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1: 32
    case .q4_K, .q5_K, .q6_K: 256
    }
  }

  /// Bytes of one block.
  var blockBytes: Int {
    switch self {
    case .float64: 8
    case .float32: 4
    case .float16, .bfloat16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q4_K: 144
    case .q5_K: 176
    case .q6_K: 210
    }
  }

  /// The type that keeps the values: 16 bits stay 16 bits, all others become float32.
  var naturalElementType: ElementType {
    switch self {
    case .float16: .float16
    case .bfloat16: .bfloat16
    default: .float32
    }
  }

  /// The type whose stored bytes are the same as this one's, or nil.
  var identicalElementType: ElementType? {
    switch self {
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    default: nil
    }
  }

  /// The type with the number `id` in a GGUF file, or nil if it is not supported.
  static func gguf(_ id: UInt32) -> SourceType? {
    switch id {
    case 0: .float32
    case 1: .float16
    case 2: .q4_0
    case 3: .q4_1
    case 6: .q5_0
    case 7: .q5_1
    case 8: .q8_0
    case 12: .q4_K
    case 13: .q5_K
    case 14: .q6_K
    case 28: .float64
    case 30: .bfloat16
    default: nil
    }
  }

  /// The type that safetensors calls `name`, or nil if it is not supported.
  static func safetensors(_ name: String) -> SourceType? {
    switch name {
    case "F64": .float64
    case "F32": .float32
    case "F16": .float16
    case "BF16": .bfloat16
    default: nil
    }
  }
}
