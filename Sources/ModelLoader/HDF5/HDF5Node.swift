import CHDF5

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

  /// Opens the HDF5 file at `path` for reading.
  package init(opening path: String, writable: Bool = false) throws(ModelLoaderError) {
    let file = try FileReader(path: path, what: "HDF5 file")
    guard HDF5.call({ unsafe H5Fis_hdf5(path) }) > 0 else {
      throw .invalid(
        path: path, place: "the file", expected: "an HDF5 file",
        found: try describeContent(file), fix: "make one with `zigzag import`")
    }
    let access = HDF5Handle { H5Pcreate(hdf5_file_access()) }
    guard let access else { throw .unreadable(path: path, reason: "HDF5 is out of memory") }
    // Readers in several processes must not keep each other out, nor fail where locks do not exist.
    _ = HDF5.call { H5Pset_file_locking(access.id, false, true) }
    let mode = writable ? hdf5_read_write() : hdf5_read_only()
    let opened = HDF5Handle { unsafe H5Fopen(path, mode, access.id) }
    guard let opened else {
      throw .invalid(
        path: path, place: "the file", expected: "a whole HDF5 file",
        found: "\(file.byteCount) bytes that are truncated or damaged",
        fix: "copy or import it again")
    }
    self.init(handle: opened, path: path, place: "/")
  }

  /// Whether this is a dataset (and not a file or group).
  package var isDataset: Bool {
    let id = handle.id
    return HDF5.call { H5Iget_type(id) } == H5I_DATASET
  }

  /// The name of the child `name`, from the root.
  func placeOfChild(_ name: String) -> String {
    place == "/" ? "/\(name)" : "\(place)/\(name)"
  }

  /// Opens the group or dataset `name` directly inside this one, or nil if there is none.
  ///
  /// Only members of this very file are opened: a link that leads elsewhere is refused.
  package func child(_ name: String) throws(ModelLoaderError) -> HDF5Node? {
    let id = handle.id
    guard hasChild(name) else { return nil }
    var info = H5L_info_t()
    let status = HDF5.call { unsafe H5Lget_info(id, name, &info, 0) }
    guard status >= 0, info.type == H5L_TYPE_HARD else {
      throw .unsupported(
        path: path, place: placeOfChild(name), found: "a link to another place",
        supported: "every dataset in the file itself")
    }
    let child = HDF5Handle { unsafe H5Oopen(id, name, 0) }
    guard let child else { throw damaged(at: placeOfChild(name)) }
    return HDF5Node(handle: child, path: path, place: placeOfChild(name))
  }

  /// Whether this group has a member `name`.
  func hasChild(_ name: String) -> Bool {
    let id = handle.id
    return HDF5.call { unsafe H5Lexists(id, name, 0) } > 0
  }

  /// How many members this group has.
  func childCount() throws(ModelLoaderError) -> Int {
    let id = handle.id
    var info = H5G_info_t()
    guard HDF5.call({ unsafe H5Gget_info(id, &info) }) >= 0 else { throw damaged(at: place) }
    return Int(clamping: info.nlinks)
  }

  /// Names of the groups and datasets directly inside this group, in byte order.
  package func childNames() throws(ModelLoaderError) -> [String] {
    var names: [String] = []
    for index in 0..<(try childCount()) {
      names.append(try nameOfChild(at: hsize_t(index)))
    }
    return names
  }

  private func nameOfChild(at index: hsize_t) throws(ModelLoaderError) -> String {
    let id = handle.id
    let read = { (buffer: UnsafeMutablePointer<CChar>?, size: Int) in
      HDF5.call {
        unsafe H5Lget_name_by_idx(
          id, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, 0)
      }
    }
    let length = read(nil, 0)
    guard length >= 0 else { throw damaged(at: place) }
    let bytes = unsafe [CChar](unsafeUninitializedCapacity: length + 1) { buffer, count in
      count = unsafe max(0, read(buffer.baseAddress, length + 1))
    }
    return String(decoding: bytes.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The error for a part of the file that HDF5 cannot make sense of.
  func damaged(at place: String) -> ModelLoaderError {
    .invalid(
      path: path, place: place, expected: "readable HDF5 content", found: "damaged content",
      fix: "copy or import the file again")
  }
}

/// What the first bytes of a file that is not HDF5 look like.
private func describeContent(_ file: FileReader) throws(ModelLoaderError) -> String {
  let head = try file.read(at: 0, count: min(file.byteCount, 512), place: "the file")
  if head.isEmpty { return "an empty file" }
  if head.starts(with: Array("GGUF".utf8)) { return "a GGUF file" }
  let isText = head.allSatisfy { $0 >= 0x20 || (0x09...0x0D).contains($0) }
  return isText ? "text" : "\(file.byteCount) bytes of something else"
}
