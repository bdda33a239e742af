import CHDF5
import Support
import Transformer

/// An open HDF5 file, group or dataset, with where it is for messages.
package struct HDF5Node: ~Copyable {
  let handle: HDF5Handle
  /// The file's path.
  package let path: String
  /// The object's name in the file, "/" for the file itself.
  package let place: String

  init(handle: consuming HDF5Handle, path: String, place: String) {
    self.handle = handle
    self.path = path
    self.place = place
  }

  /// Opens the HDF5 file at `path`, which this package has written, to change it.
  ///
  /// Files of others are read by ``HDF5Object``, without the HDF5 library.
  package init(opening path: String) throws(FileError) {
    let access = HDF5Handle { H5Pcreate(hdf5_file_access()) }
    guard let access else { throw .unreadable(path: path, reason: "HDF5 is out of memory") }
    // Locks do not exist on every file system.
    _ = HDF5.call { H5Pset_file_locking(access.id, false, true) }
    let opened = HDF5Handle { unsafe H5Fopen(path, hdf5_read_write(), access.id) }
    guard let opened else {
      throw .cannotWrite(path: path, reason: "HDF5 cannot open the file")
    }
    self.init(handle: opened, path: path, place: "/")
  }

  /// The name of the child `name`, from the root.
  func placeOfChild(_ name: String) -> String {
    place == "/" ? "/\(name)" : "\(place)/\(name)"
  }

  /// Opens the group or dataset `name` directly inside this one, or nil if there is none.
  package func child(_ name: String) throws(FileError) -> HDF5Node? {
    let id = handle.id
    guard HDF5.call({ unsafe H5Lexists(id, name, 0) }) > 0 else { return nil }
    let child = HDF5Handle { unsafe H5Oopen(id, name, 0) }
    guard let child else {
      throw .cannotWrite(path: path, reason: "HDF5 cannot open \(placeOfChild(name))")
    }
    return HDF5Node(handle: child, path: path, place: placeOfChild(name))
  }

  /// Where the values of this dataset, written in one piece, start in the file.
  func byteOffset() throws(FileError) -> Int {
    let id = handle.id
    guard let offset = Int(exactly: HDF5.call { H5Dget_offset(id) }) else {
      throw .cannotWrite(path: path, reason: "HDF5 gave \(place) no place")
    }
    return offset
  }
}

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

/// What a dataset is made of when it is created.
package enum DatasetType {
  case bytes
  case integers
  case doubles
  case floats(ElementType)

  /// The type of bytes in memory.
  static var byteMemoryType: hid_t { hdf5_std_u8le() }

  func make() -> HDF5Handle? {
    switch self {
    case .bytes: HDF5Handle { H5Tcopy(hdf5_std_u8le()) }
    case .integers: HDF5Handle { H5Tcopy(hdf5_std_i64le()) }
    case .doubles: HDF5Handle { H5Tcopy(hdf5_ieee_f64le()) }
    case .floats(let type): HDF5FloatType.make(type)
    }
  }
}

extension HDF5Node {
  /// Creates the group `name` directly inside this one.
  package func createGroup(_ name: String) throws(FileError) -> HDF5Node {
    let id = handle.id
    let creation = HDF5Handle { H5Pcreate(hdf5_group_create()) }
    guard let creation else { throw refused("the group", name) }
    let creationID = creation.id
    _ = HDF5.call { H5Pset_obj_track_times(creationID, false) }
    let made = HDF5Handle { unsafe H5Gcreate2(id, name, 0, creationID, 0) }
    guard let made else { throw refused("the group", name) }
    return HDF5Node(handle: made, path: path, place: placeOfChild(name))
  }

  /// Creates the dataset `name`, contiguous, with its place in the file fixed and nothing written.
  package func createDataset(
    _ name: String, shape: [Int], type: DatasetType
  ) throws(FileError) -> HDF5Node {
    let id = handle.id
    let stored = type.make()
    let dimensions = shape.map { hsize_t($0) }
    let space = HDF5Handle {
      unsafe dimensions.withUnsafeBufferPointer { sizes in
        unsafe H5Screate_simple(Int32(sizes.count), sizes.baseAddress, nil)
      }
    }
    let creation = HDF5Handle { H5Pcreate(hdf5_dataset_create()) }
    guard let stored, let space, let creation else { throw refused("the dataset", name) }
    let (typeID, spaceID, creationID) = (stored.id, space.id, creation.id)
    HDF5.call {
      _ = H5Pset_layout(creationID, H5D_CONTIGUOUS)
      _ = H5Pset_alloc_time(creationID, H5D_ALLOC_TIME_EARLY)
      _ = H5Pset_fill_time(creationID, H5D_FILL_TIME_NEVER)
      _ = H5Pset_obj_track_times(creationID, false)
    }
    let made = HDF5Handle {
      unsafe H5Dcreate2(id, name, typeID, spaceID, 0, creationID, 0)
    }
    guard let made else { throw refused("the dataset", name) }
    return HDF5Node(handle: made, path: path, place: placeOfChild(name))
  }

  /// Writes all values of this dataset through HDF5.
  func write<Element: BitwiseCopyable>(
    _ values: [Element], memoryType: hid_t
  ) throws(FileError) {
    guard !values.isEmpty else { return }
    let id = handle.id
    let status = unsafe values.withUnsafeBytes { buffer in
      HDF5.call { unsafe H5Dwrite(id, memoryType, 0, 0, 0, buffer.baseAddress) }
    }
    guard status >= 0 else { throw refused("the values of", place) }
  }

  /// Closes the last handle of a file and thereby puts what HDF5 still held on disk.
  consuming func close() throws(FileError) {
    let path = path
    let id = handle.id
    let isFlushed = HDF5.call { H5Fflush(id, H5F_SCOPE_GLOBAL) } >= 0
    guard isFlushed else {
      throw .cannotWrite(path: path, reason: HDF5.systemReason ?? "HDF5 cannot flush the file")
    }
  }

  private func refused(_ what: String, _ name: String) -> FileError {
    .cannotWrite(path: path, reason: "HDF5 refused \(what) \(name)")
  }
}

/// Creating HDF5 files.
enum HDF5File {
  /// Objects start at multiples of this, so that mapped weights suit vector loads.
  private static let alignment: hsize_t = 64

  /// Creates an HDF5 file at the temporary path of `file`; messages name the final one.
  ///
  /// `byteCount`, what the datasets will need, is reserved first, because HDF5 does not recover from a
  /// disk that fills up.
  static func create(
    in file: borrowing TemporaryFile, byteCount: Int
  ) throws(FileError) -> HDF5Node {
    HDF5.forgetSystemError()
    try file.reserve(byteCount: byteCount + (1 << 16))
    try file.clear()
    let access = HDF5Handle { H5Pcreate(hdf5_file_access()) }
    let creation = HDF5Handle { H5Pcreate(hdf5_file_create()) }
    guard let access, let creation else { throw failure(file.path) }
    let (accessID, creationID) = (access.id, creation.id)
    HDF5.call {
      // Formats from 1.8 on have checksums, so that damage is noticed and not followed.
      _ = H5Pset_libver_bounds(accessID, H5F_LIBVER_V18, H5F_LIBVER_V18)
      _ = H5Pset_alignment(accessID, 0, alignment)
      _ = H5Pset_meta_block_size(accessID, 0)
      _ = H5Pset_small_data_block_size(accessID, 0)
      _ = H5Pset_file_locking(accessID, false, true)
      // Without times the same content gives the same bytes.
      _ = H5Pset_obj_track_times(creationID, false)
    }
    let path = file.temporaryPath
    let made = HDF5Handle { unsafe H5Fcreate(path, hdf5_truncate(), creationID, accessID) }
    guard let made else { throw failure(file.path) }
    return HDF5Node(handle: made, path: file.path, place: "/")
  }

  private static func failure(_ path: String) -> FileError {
    .cannotWrite(path: path, reason: HDF5.systemReason ?? "HDF5 cannot create the file")
  }
}
