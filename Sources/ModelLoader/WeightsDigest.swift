import Support

/// The identity of a model's weights: SHA-256 over a list of the tensors and their own hashes.
///
/// The list has one line per tensor, in byte order of the names, each ended by a newline:
/// `name type shape hash`, where type is float32, float16 or bfloat16, shape is the sizes joined by
/// "x" and hash is the SHA-256 of the little-endian values in lower-case hexadecimal. So it can be
/// computed tensor by tensor in any order, and does not depend on how HDF5 lays out the file.
struct WeightsDigest {
  private var lines: [String: String] = [:]

  /// Adds the tensor `name` whose values have the hash `hash`, hexadecimal.
  mutating func add(name: String, type: String, shape: [Int], hash: String) {
    let sizes = shape.map(String.init).joined(separator: "x")
    lines[name] = "\(name) \(type) \(sizes) \(hash)\n"
  }

  /// The hash of the list, 64 lower-case hexadecimal digits.
  var value: String {
    let names = lines.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let list = names.map { lines[$0, default: ""] }.joined()
    return sha256(of: list)
  }
}
