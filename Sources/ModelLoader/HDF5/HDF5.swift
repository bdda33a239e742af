import CHDF5
import Synchronization

/// The door to the HDF5 library, which is not safe to enter from two threads at once.
enum HDF5 {
  private static let lock = Mutex(())

  /// Runs calls into the library, one thread at a time, with its own error printing off.
  static func call<Result>(_ body: () -> Result) -> Result {
    lock.withLock { _ in
      // The setting is per thread in thread-safe builds, so it is made at each door.
      _ = H5Eset_auto2(0, nil, nil)
      return body()
    }
  }
}

/// One identifier of the HDF5 library (a file, group, dataset, attribute, type, data space or
/// property list), closed with the value.
struct HDF5Handle: ~Copyable {
  let id: hid_t

  /// Takes over what `open` returns, or is nil if that is negative, HDF5's sign of failure.
  init?(_ open: () -> hid_t) {
    id = HDF5.call(open)
    if id < 0 { return nil }
  }

  deinit {
    let id = id
    _ = HDF5.call { H5Idec_ref(id) }
  }

  /// Closes now and says whether that worked: for a file, whether it is on disk.
  consuming func close() -> Bool {
    let id = id
    discard self
    return HDF5.call { H5Idec_ref(id) } >= 0
  }
}
