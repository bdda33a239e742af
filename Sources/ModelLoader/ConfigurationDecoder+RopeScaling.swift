import Foundation
import Transformer

extension ConfigurationDecoder {
  /// The `rope_scaling` object, or JSON text of one, if it stretches anything.
  func ropeScaling() throws(ModelLoaderError) -> RopeScaling? {
    guard let members = try ropeScalingMembers() else { return nil }
    // Older files call the key "type".
    let type = (members["rope_type"] ?? members["type"])?.text ?? "default"
    switch type {
    case "default": return nil
    case "linear": return .linear(factor: try factor("factor", of: members))
    case "llama3": return try llama3(members)
    default:
      throw unsupported(
        "rope_scaling", "the type \"\(type)\"", "rope_type default, linear or llama3")
    }
  }

  private func ropeScalingMembers() throws(ModelLoaderError) -> [String: MetadataValue]? {
    switch values["rope_scaling"] {
    case nil: return nil
    case .object(let members): return members
    case .text(let json):
      do {
        return try MetadataValue.object(json: json.utf8, path: path)
      } catch .invalid(_, let place, let expected, let found, _) {
        throw invalid(
          "rope_scaling", "a JSON object", "\(found), where \(expected) was expected (\(place))")
      }
    case .some(let other): throw invalid("rope_scaling", "a JSON object", other.quoted)
    }
  }

  private func llama3(
    _ members: [String: MetadataValue]
  ) throws(ModelLoaderError) -> RopeScaling {
    let low = try factor("low_freq_factor", of: members)
    let high = try factor("high_freq_factor", of: members)
    guard low < high else {
      throw invalid(
        "rope_scaling", "low_freq_factor below high_freq_factor", "\(low) and \(high)")
    }
    let key = "original_max_position_embeddings"
    guard let original = members[key]?.integer, original >= 1, original <= Self.largestSize else {
      throw invalid(
        "rope_scaling", "\(key) of 1 to \(Self.largestSize)",
        members[key]?.quoted ?? "nothing")
    }
    return .llama3(
      factor: try factor("factor", of: members), lowFrequencyFactor: low,
      highFrequencyFactor: high, originalMaxPositions: original)
  }

  private func factor(
    _ key: String, of members: [String: MetadataValue]
  ) throws(ModelLoaderError) -> Double {
    guard let value = members[key]?.real, value > 0, value < 1e9 else {
      throw invalid(
        "rope_scaling", "a positive \(key)", members[key]?.quoted ?? "nothing")
    }
    return value
  }
}
