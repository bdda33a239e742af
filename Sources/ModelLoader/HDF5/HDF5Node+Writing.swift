import CHDF5
import Support
import Transformer

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
