import CHDF5
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
  func createGroup(_ name: String) throws(ModelLoaderError) -> HDF5Node {
    let id = handle.id
    let made = HDF5Handle { unsafe H5Gcreate2(id, name, 0, 0, 0) }
    guard let made else { throw refused("the group", name) }
    return HDF5Node(handle: made, path: path, place: placeOfChild(name))
  }

  /// Creates the dataset `name`, contiguous, with its place in the file fixed and nothing written.
  package func createDataset(
    _ name: String, shape: [Int], type: DatasetType
  ) throws(ModelLoaderError) -> HDF5Node {
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
  ) throws(ModelLoaderError) {
    guard !values.isEmpty else { return }
    let id = handle.id
    let status = unsafe values.withUnsafeBytes { buffer in
      HDF5.call { unsafe H5Dwrite(id, memoryType, 0, 0, 0, buffer.baseAddress) }
    }
    guard status >= 0 else { throw refused("the values of", place) }
  }

  /// Closes the last handle of a file and thereby puts what HDF5 still held on disk.
  consuming func close() throws(ModelLoaderError) {
    let path = path
    let id = handle.id
    let isFlushed = HDF5.call { H5Fflush(id, H5F_SCOPE_GLOBAL) } >= 0
    guard isFlushed else {
      throw .cannotWrite(path: path, reason: "HDF5 cannot flush the file; is the disk full")
    }
  }

  private func refused(_ what: String, _ name: String) -> ModelLoaderError {
    .cannotWrite(path: path, reason: "HDF5 refused \(what) \(name)")
  }
}

/// Creating HDF5 files.
enum HDF5File {
  /// Objects start at multiples of this, so that mapped weights suit vector loads.
  static let alignment = 64

  /// Creates an HDF5 file at `path`, replacing it; messages name `finalPath`.
  static func create(at path: String, finalPath: String) throws(ModelLoaderError) -> HDF5Node {
    try create(at: path, finalPath: finalPath) { access in
      _ = H5Pset_alignment(access, 0, hsize_t(alignment))
      _ = H5Pset_file_locking(access, false, true)
    }
  }

  /// Creates an HDF5 file in memory only, for `image(of:)`.
  static func createInMemory(for path: String) throws(ModelLoaderError) -> HDF5Node {
    try create(at: path, finalPath: path) { access in
      _ = H5Pset_fapl_core(access, 1 << 20, false)
    }
  }

  private static func create(
    at path: String, finalPath: String, configure: (_ access: hid_t) -> Void
  ) throws(ModelLoaderError) -> HDF5Node {
    let access = HDF5Handle { H5Pcreate(hdf5_file_access()) }
    guard let access else { throw failure(finalPath) }
    let accessID = access.id
    HDF5.call {
      // Formats from 1.8 on have checksums, so that damage is noticed and not followed.
      _ = H5Pset_libver_bounds(accessID, H5F_LIBVER_V18, H5F_LIBVER_V18)
      // No space is set aside for later, so that the end of the file is the end of its content.
      _ = H5Pset_meta_block_size(accessID, 0)
      _ = H5Pset_small_data_block_size(accessID, 0)
      configure(accessID)
    }
    let made = HDF5Handle { unsafe H5Fcreate(path, hdf5_truncate(), 0, accessID) }
    guard let made else { throw failure(finalPath) }
    return HDF5Node(handle: made, path: finalPath, place: "/")
  }

  /// The bytes of `file`, as they would be on disk.
  static func image(of file: borrowing HDF5Node) throws(ModelLoaderError) -> [UInt8] {
    let id = file.handle.id
    _ = HDF5.call { H5Fflush(id, H5F_SCOPE_GLOBAL) }
    let size = HDF5.call { H5Fget_file_image(id, nil, 0) }
    guard size > 0 else { throw failure(file.path) }
    let image = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = max(
        0, HDF5.call { unsafe H5Fget_file_image(id, buffer.baseAddress, size) })
    }
    guard image.count == size else { throw failure(file.path) }
    return image
  }

  private static func failure(_ path: String) -> ModelLoaderError {
    .cannotWrite(path: path, reason: "HDF5 cannot create the file")
  }
}
