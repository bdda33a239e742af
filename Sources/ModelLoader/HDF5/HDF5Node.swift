import CHDF5
import Support

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
