import CHDF5

extension HDF5Node {
  /// The value of the attribute `name`, or nil if there is none or it is empty.
  ///
  /// Text of fixed or variable length, and truth values, integers and floats of any width are
  /// understood, single or as a list.
  package func attribute(_ name: String) throws(ModelLoaderError) -> MetadataValue? {
    let id = handle.id
    guard HDF5.call({ unsafe H5Aexists(id, name) }) > 0 else { return nil }
    let opened = HDF5Handle { unsafe H5Aopen(id, name, 0) }
    guard let attribute = opened else { throw damaged(at: "\(place) attribute \(name)") }
    let attributeID = attribute.id
    let type = HDF5Handle { H5Aget_type(attributeID) }
    let space = HDF5Handle { H5Aget_space(attributeID) }
    guard let type, let space else { throw damaged(at: "\(place) attribute \(name)") }
    let (typeID, spaceID) = (type.id, space.id)
    let count = Int(HDF5.call { H5Sget_simple_extent_npoints(spaceID) })
    guard count > 0 else { return nil }
    let value: MetadataValue?
    switch HDF5.call({ H5Tget_class(typeID) }) {
    case H5T_STRING where count == 1:
      value = readText(attributeID, type: typeID).map { .text($0) }
    case H5T_ENUM, H5T_INTEGER:
      let isEnum = HDF5.call { H5Tget_class(typeID) } == H5T_ENUM
      value = readNumbers(attributeID, count, hdf5_native_int64(), Int64(0)).map { numbers in
        if count > 1 { return .integers(numbers.map { Int($0) }) }
        return isEnum ? .bool(numbers[0] != 0) : .integer(Int(numbers[0]))
      }
    case H5T_FLOAT:
      value = readNumbers(attributeID, count, hdf5_native_double(), Double(0)).map {
        count > 1 ? .reals($0) : .real($0[0])
      }
    default:
      throw .invalid(
        path: path, place: "\(place) attribute \(name)",
        expected: "one text, or truth values, integers or floats", found: "another HDF5 type",
        fix: "write it as docs/model-format.md specifies")
    }
    guard let value else { throw damaged(at: "\(place) attribute \(name)") }
    return value
  }

  /// Names of all attributes, in byte order.
  package func attributeNames() -> [String] {
    let id = handle.id
    var names: [String] = []
    while true {
      let index = hsize_t(names.count)
      let opened = HDF5Handle {
        unsafe H5Aopen_by_idx(id, ".", H5_INDEX_NAME, H5_ITER_INC, index, 0, 0)
      }
      guard let attribute = opened else { return names }
      let attributeID = attribute.id
      let length = HDF5.call { H5Aget_name(attributeID, 0, nil) }
      guard length >= 0 else { return names }
      let bytes = unsafe [CChar](unsafeUninitializedCapacity: length + 1) { buffer, count in
        count = max(
          0, HDF5.call { unsafe H5Aget_name(attributeID, length + 1, buffer.baseAddress) })
      }
      names.append(String(decoding: bytes.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
  }

  private func readNumbers<Number>(
    _ attribute: hid_t, _ count: Int, _ type: hid_t, _ zero: Number
  ) -> [Number]? {
    var numbers = Array(repeating: zero, count: count)
    let status = unsafe numbers.withUnsafeMutableBytes { buffer in
      HDF5.call { unsafe H5Aread(attribute, type, buffer.baseAddress) }
    }
    return status >= 0 ? numbers : nil
  }

  private func readText(_ attribute: hid_t, type: hid_t) -> String? {
    if HDF5.call({ H5Tis_variable_str(type) }) > 0 {
      var text: UnsafeMutablePointer<CChar>?
      let status = HDF5.call { unsafe H5Aread(attribute, type, &text) }
      guard status >= 0 else { return nil }
      guard let text = unsafe text else { return "" }
      defer { _ = HDF5.call { unsafe H5free_memory(text) } }
      return unsafe String(cString: text)
    }
    let length = HDF5.call { H5Tget_size(type) }
    var bytes = [UInt8](repeating: 0, count: length)
    let status = unsafe bytes.withUnsafeMutableBytes { buffer in
      HDF5.call { unsafe H5Aread(attribute, type, buffer.baseAddress) }
    }
    guard status >= 0 else { return nil }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Writes the attribute `name`, replacing its value if it exists.
  package func setAttribute(_ name: String, _ value: MetadataValue) throws(ModelLoaderError) {
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
    case .bools, .texts, .object: isWritten = false
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
