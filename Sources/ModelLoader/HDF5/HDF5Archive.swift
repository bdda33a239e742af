import CHDF5
import Foundation
import Support

/// An array in an ``HDF5Archive``, row-major.
package enum HDF5Array: Sendable, Equatable {
  case floats([Float], shape: [Int])
  case doubles([Double], shape: [Int])
  case integers([Int64], shape: [Int])

  /// Bytes of the values.
  fileprivate var byteCount: Int {
    switch self {
    case .floats(let values, _): 4 * values.count
    case .doubles(let values, _): 8 * values.count
    case .integers(let values, _): 8 * values.count
    }
  }

  /// Its kind and shape.
  package var form: HDF5ArrayForm {
    switch self {
    case .floats(_, let shape): .floats(shape)
    case .doubles(_, let shape): .doubles(shape)
    case .integers(_, let shape): .integers(shape)
    }
  }
}

/// What a reader of an archive expects of an array: its kind and its shape.
package enum HDF5ArrayForm: Sendable, Equatable {
  case floats([Int])
  case doubles([Int])
  case integers([Int])

  /// The shape.
  package var shape: [Int] {
    switch self {
    case .floats(let shape), .doubles(let shape), .integers(let shape): shape
    }
  }
}

/// A small HDF5 file held in memory as a whole: named arrays and attributes, written atomically.
///
/// Names of arrays are "name" or "group/name"; attributes belong to the file.
package struct HDF5Archive: Sendable, Equatable {
  /// The attributes of the file.
  package var attributes: [String: MetadataValue]
  /// The arrays by "group/name".
  package var arrays: [String: HDF5Array]

  /// Collects the content of a file.
  package init(attributes: [String: MetadataValue] = [:], arrays: [String: HDF5Array] = [:]) {
    self.attributes = attributes
    self.arrays = arrays
  }

  /// Writes the file to a temporary name, flushes and renames it; the same content gives the same
  /// bytes.
  package func write(to path: String) throws(FileError) {
    let destination = try TemporaryFile(for: path)
    let byteCount = arrays.values.reduce(0) { $0 + $1.byteCount }
    let file = try HDF5File.create(in: destination, byteCount: byteCount)
    for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
      try file.setAttribute(name, value)
    }
    for (name, array) in arrays.sorted(by: { $0.key < $1.key }) {
      let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
      if parts.count == 2 {
        try write(array, name: parts[1], in: try openGroup(parts[0], in: file))
      } else {
        try write(array, name: name, in: file)
      }
    }
    try file.close()
    try destination.commit()
  }

  private func openGroup(
    _ name: String, in file: borrowing HDF5Node
  ) throws(FileError) -> HDF5Node {
    if let group = try file.child(name) { return group }
    return try file.createGroup(name)
  }

  private func write(
    _ array: HDF5Array, name: String, in group: borrowing HDF5Node
  ) throws(FileError) {
    switch array {
    case .floats(let values, let shape):
      try group.createDataset(name, shape: shape, type: .floats(.float32))
        .write(values, memoryType: hdf5_native_float())
    case .doubles(let values, let shape):
      try group.createDataset(name, shape: shape, type: .doubles)
        .write(values, memoryType: hdf5_native_double())
    case .integers(let values, let shape):
      try group.createDataset(name, shape: shape, type: .integers)
        .write(values, memoryType: hdf5_native_int64())
    }
  }
}

extension HDF5Archive {
  /// Reads the archive at `path`, which has nothing but what the caller expects.
  ///
  /// A file of others may be made to exhaust memory, so that names, kinds and shapes are compared before
  /// any values are read.
  ///
  /// - Parameters:
  ///   - path: Where the file is.
  ///   - known: The attributes that there may be.
  ///   - forms: Given the attributes, the arrays that there must be; it may refuse the file.
  /// - Throws: `FileError` that names what is missing, or there and not expected; what `forms` throws.
  package init(
    reading path: String, attributes known: Set<String>,
    arrays forms: (_ attributes: [String: MetadataValue]) throws -> [String: HDF5ArrayForm]
  ) throws {
    self.init()
    let file = try HDF5Object(opening: path)
    if let other = file.attributeNames.first(where: { !known.contains($0) }) {
      throw FileError.foreign("attribute \(other)", path: path)
    }
    for name in file.attributeNames { attributes[name] = try file.attribute(name) }
    let expected = try forms(attributes)
    var reader = Reader(path: path, expected: expected)
    try reader.open(file, prefix: "")
    for (name, form) in expected.sorted(by: { $0.key < $1.key }) {
      arrays[name] = try reader.read(name, as: form)
    }
  }
}

extension FileError {
  /// Something in an archive that no writer of it has put there.
  fileprivate static func foreign(_ place: String, path: String) -> FileError {
    .invalid(
      path: path, place: place, expected: "nothing of this name", found: "something",
      fix: "it is damaged or of another kind, so remove it or get it anew")
  }
}

/// The datasets of an archive, found and compared with what is expected.
private struct Reader {
  let path: String
  let expected: [String: HDF5ArrayForm]
  private var datasets: [String: HDF5Object] = [:]

  init(path: String, expected: [String: HDF5ArrayForm]) {
    (self.path, self.expected) = (path, expected)
  }

  /// Opens the members of a group whose names begin with `prefix`, none of which may be unknown.
  mutating func open(_ group: HDF5Object, prefix: String) throws(FileError) {
    for member in group.childNames {
      let name = prefix + member
      let isGroup = prefix.isEmpty && expected.keys.contains { $0.hasPrefix(name + "/") }
      guard isGroup || expected[name] != nil, let child = try group.child(member),
        child.isDataset != isGroup
      else { throw .foreign("/\(name)", path: path) }
      if isGroup { try open(child, prefix: name + "/") } else { datasets[name] = child }
    }
  }

  /// The values of the array `name`, once its kind and shape are those of `form`.
  func read(_ name: String, as form: HDF5ArrayForm) throws(FileError) -> HDF5Array {
    let layout = try datasets[name]?.layout()
    guard let dataset = datasets[name], let layout, layout.form == form else {
      throw .invalid(
        path: path, place: "/\(name)", expected: form.name,
        found: layout.map { "\($0.typeName)s of shape \($0.shape)" } ?? "nothing",
        fix: "it is damaged or of another kind, so remove it or get it anew")
    }
    return switch form {
    case .floats(let shape): .floats(try dataset.readFloats(), shape: shape)
    case .doubles(let shape): .doubles(try dataset.readDoubles(), shape: shape)
    case .integers(let shape): .integers(try dataset.readIntegers(), shape: shape)
    }
  }
}

extension HDF5ArrayForm {
  /// The form in words.
  fileprivate var name: String {
    switch self {
    case .floats(let shape): "float32s of shape \(shape)"
    case .doubles(let shape): "float64s of shape \(shape)"
    case .integers(let shape): "integers of shape \(shape)"
    }
  }
}

extension DatasetLayout {
  /// The form of the array that a dataset is read as.
  fileprivate var form: HDF5ArrayForm {
    if elementType != nil { return .floats(shape) }
    return isFloat ? .doubles(shape) : .integers(shape)
  }
}
