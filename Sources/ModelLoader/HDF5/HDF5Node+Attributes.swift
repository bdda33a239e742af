import CHDF5
import Support

extension HDF5Node {
  /// Writes the attribute `name`, replacing its value if it exists.
  package func setAttribute(_ name: String, _ value: MetadataValue) throws(FileError) {
    let isWritten: Bool
    switch value {
    case .text(let text): isWritten = writeText(name, text)
    case .bool(let value): isWritten = writeBool(name, value)
    case .integer(let value):
      isWritten = writeNumbers(name, [Int64(value)], nil, hdf5_native_int64(), hdf5_std_i64le())
    case .integers(let values):
      isWritten = writeNumbers(
        name, values.map { Int64($0) }, values.count, hdf5_native_int64(), hdf5_std_i64le())
    case .real(let value):
      isWritten = writeNumbers(name, [value], nil, hdf5_native_double(), hdf5_ieee_f64le())
    case .reals(let values):
      isWritten = writeNumbers(
        name, values, values.count, hdf5_native_double(), hdf5_ieee_f64le())
    case .bools, .texts, .list, .object, .null: isWritten = false
    }
    guard isWritten else {
      throw .cannotWrite(path: path, reason: "HDF5 refused the attribute \(name) of \(place)")
    }
  }

  /// Text of fixed length: that of variable length lives in a part of the file without checksums.
  private func writeText(_ name: String, _ text: String) -> Bool {
    let opened = HDF5Handle { H5Tcopy(hdf5_c_string()) }
    guard let type = opened else { return false }
    let typeID = type.id
    let bytes = text.isEmpty ? [0] : Array(text.utf8)
    HDF5.call {
      _ = H5Tset_size(typeID, bytes.count)
      _ = H5Tset_cset(typeID, H5T_CSET_UTF8)
      _ = H5Tset_strpad(typeID, H5T_STR_NULLPAD)
    }
    return writeNumbers(name, bytes, nil, typeID, typeID)
  }

  /// h5py's truth value: an enumeration of 8 bits with the members FALSE and TRUE.
  private func writeBool(_ name: String, _ value: Bool) -> Bool {
    let opened = HDF5Handle { H5Tenum_create(hdf5_std_i8le()) }
    guard let type = opened else { return false }
    let typeID = type.id
    for (member, number) in [("FALSE", Int8(0)), ("TRUE", Int8(1))] {
      var number = number
      _ = HDF5.call { unsafe H5Tenum_insert(typeID, member, &number) }
    }
    var number: Int8 = value ? 1 : 0
    return unsafe withUnsafeBytes(of: &number) { buffer in
      unsafe write(name, count: nil, memoryType: typeID, fileType: typeID, from: buffer)
    }
  }

  private func writeNumbers<Number>(
    _ name: String, _ numbers: [Number], _ count: Int?, _ memoryType: hid_t, _ fileType: hid_t
  ) -> Bool {
    unsafe numbers.withUnsafeBytes { buffer in
      unsafe write(name, count: count, memoryType: memoryType, fileType: fileType, from: buffer)
    }
  }

  /// Writes one value, or a list if there is a `count`.
  private func write(
    _ name: String, count: Int?, memoryType: hid_t, fileType: hid_t,
    from buffer: UnsafeRawBufferPointer
  ) -> Bool {
    let id = handle.id
    var dimension = hsize_t(count ?? 1)
    let made = HDF5Handle {
      unsafe count == nil ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dimension, nil)
    }
    guard let space = made else { return false }
    let spaceID = space.id
    if HDF5.call({ unsafe H5Aexists(id, name) }) > 0 {
      // The new value may have another type or size.
      _ = HDF5.call { unsafe H5Adelete(id, name) }
    }
    let opened = HDF5Handle { unsafe H5Acreate2(id, name, fileType, spaceID, 0, 0) }
    guard let attribute = opened else { return false }
    let attributeID = attribute.id
    return HDF5.call { unsafe H5Awrite(attributeID, memoryType, buffer.baseAddress) } >= 0
  }
}
