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
