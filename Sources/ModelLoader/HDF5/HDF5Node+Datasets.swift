import CHDF5
import Foundation
import Transformer

/// What the header of a dataset says, with nothing of its content read.
package struct DatasetLayout: Sendable, Equatable {
  /// Size along each axis; empty for a single value.
  package var shape: [Int]
  /// Product of ``shape``.
  package var count: Int
  /// The float type whose little-endian bytes are stored, or nil if HDF5 must convert.
  package var elementType: ElementType?
  /// What is stored, in words: "float32", "8-byte float", "1-byte integer".
  package var typeName: String
  /// The class of the stored type.
  package var isFloat: Bool
  /// Where the bytes start in the file, if they lie there in one piece.
  package var byteOffset: Int?
}

extension HDF5Node {
  /// Shape, type and place of this dataset.
  package func layout() throws(ModelLoaderError) -> DatasetLayout {
    let id = handle.id
    let type = HDF5Handle { H5Dget_type(id) }
    let space = HDF5Handle { H5Dget_space(id) }
    let creation = HDF5Handle { H5Dget_create_plist(id) }
    guard isDataset, let type, let space, let creation else { throw damaged(at: place) }
    let (typeID, spaceID, creationID) = (type.id, space.id, creation.id)
    let kind = HDF5.call { H5Pget_layout(creationID) }
    guard kind != H5D_VIRTUAL, HDF5.call({ H5Pget_external_count(creationID) }) == 0 else {
      throw .unsupported(
        path: path, place: place, found: "data kept in another file",
        supported: "every dataset in the file itself")
    }
    let shape = try readShape(spaceID)
    guard let count = product(shape) else {
      throw .invalid(
        path: path, place: place, expected: "a shape that fits in memory", found: "\(shape)",
        fix: "import the model again")
    }
    let isFloat = HDF5.call { H5Tget_class(typeID) } == H5T_FLOAT
    let elementType = isFloat ? HDF5FloatType.elementType(of: typeID) : nil
    let size = HDF5.call { H5Tget_size(typeID) }
    let offset = HDF5.call { H5Dget_offset(id) }
    return DatasetLayout(
      shape: shape, count: count, elementType: elementType,
      typeName: elementType?.rawValue ?? "\(size)-byte \(className(typeID))", isFloat: isFloat,
      byteOffset: kind == H5D_CONTIGUOUS ? Int(exactly: offset) : nil)
  }

  private func readShape(_ space: hid_t) throws(ModelLoaderError) -> [Int] {
    let rank = Int(HDF5.call { H5Sget_simple_extent_ndims(space) })
    guard rank >= 0 else { throw damaged(at: place) }
    var dimensions = [hsize_t](repeating: 0, count: max(rank, 1))
    let status = unsafe dimensions.withUnsafeMutableBufferPointer { buffer in
      HDF5.call { unsafe H5Sget_simple_extent_dims(space, buffer.baseAddress, nil) }
    }
    guard status >= 0 else { throw damaged(at: place) }
    return dimensions.prefix(rank).map { Int(clamping: $0) }
  }

  private func className(_ type: hid_t) -> String {
    switch HDF5.call({ H5Tget_class(type) }) {
    case H5T_FLOAT: "float of another format"
    case H5T_INTEGER: "integer"
    case H5T_STRING: "string"
    default: "value of another class"
    }
  }

  /// The values as float32, converted by HDF5 from whatever float or integer type is stored.
  package func readFloats() throws(ModelLoaderError) -> [Float] {
    try readAll(as: hdf5_native_float(), zero: Float(0))
  }

  /// The values as float64.
  package func readDoubles() throws(ModelLoaderError) -> [Double] {
    try readAll(as: hdf5_native_double(), zero: Double(0))
  }

  /// The values as integers; those outside the range are clamped to it.
  package func readIntegers() throws(ModelLoaderError) -> [Int64] {
    try readAll(as: hdf5_native_int64(), zero: Int64(0))
  }

  /// The values as bytes, for a dataset of bytes.
  package func readBytes() throws(ModelLoaderError) -> [UInt8] {
    try readAll(as: hdf5_std_u8le(), zero: UInt8(0))
  }

  /// The bytes as stored in the little-endian type `type`, which must be the dataset's own.
  func readStored(_ type: ElementType) throws(ModelLoaderError) -> [UInt8] {
    let made = HDF5FloatType.make(type)
    guard let made else { throw damaged(at: place) }
    let count = try layout().count * type.byteCount
    return try read(count: count, as: made.id, zero: UInt8(0))
  }

  private func readAll<Number>(
    as type: hid_t, zero: Number
  ) throws(ModelLoaderError) -> [Number] {
    try read(count: try layout().count, as: type, zero: zero)
  }

  private func read<Number>(
    count: Int, as type: hid_t, zero: Number
  ) throws(ModelLoaderError) -> [Number] {
    guard count > 0 else { return [] }
    // A sparse or compressed dataset can claim any size, whatever the size of its file.
    let memory = ProcessInfo.processInfo.physicalMemory
    guard UInt64(count) < memory / UInt64(MemoryLayout<Number>.stride) else {
      throw .unreadable(
        path: path, reason: "\(place) has \(count) values, more than memory holds")
    }
    let id = handle.id
    var status: herr_t = -1
    let values = unsafe [Number](unsafeUninitializedCapacity: count) { buffer, filled in
      status = HDF5.call { unsafe H5Dread(id, type, 0, 0, 0, buffer.baseAddress) }
      filled = status >= 0 ? count : 0
    }
    guard status >= 0 else { throw damaged(at: place) }
    return values
  }
}

/// The product of sizes, or nil if it, or four or eight times it, exceeds an Int.
func product(_ sizes: [Int]) -> Int? {
  var result = 1
  for size in sizes {
    let (next, overflow) = result.multipliedReportingOverflow(by: size)
    if overflow { return nil }
    result = next
  }
  return result >= 0 && result <= Int.max / 16 ? result : nil
}
