import CHDF5
import Support
import Synchronization
import Transformer

/// The door to the HDF5 library, which is not safe to enter from two threads at once.
enum HDF5 {
  private static let lock: Locked<Void> = {
    // At exit the library would close what a full disk has kept it from closing, and crash.
    _ = H5dont_atexit()
    return Locked(())
  }()

  /// Runs calls into the library, one thread at a time, with its own error printing off.
  static func call<Result>(_ body: () -> Result) -> Result {
    lock.withLock { _ in
      // The setting is per thread in thread-safe builds, so it is made at each door.
      _ = H5Eset_auto2(0, nil, nil)
      let result = body()
      if H5Eget_num(0) > 0 { noteSystemError() }
      return result
    }
  }

  /// The last error number that the system gave the library while a file was written; 0 for none.
  private static let systemError = Atomic<Int32>(0)

  /// The library tells such numbers only in the text of its errors: "…, errno = 5, …".
  private static func noteSystemError() {
    _ = unsafe H5Ewalk2(
      0, H5E_WALK_DOWNWARD,
      { _, entry, _ in
        guard let text = unsafe entry?.pointee.desc.map({ unsafe String(cString: $0) }),
          let found = text.firstMatch(of: /errno = (\d+)/), let code = Int32(found.1), code != 0
        else { return 0 }
        HDF5.systemError.store(code, ordering: .relaxed)
        return 0
      }, nil)
  }

  /// Forgets what the system said about other files.
  static func forgetSystemError() { systemError.store(0, ordering: .relaxed) }

  /// What the system said last, in words; nil if nothing.
  static var systemReason: String? {
    let code = systemError.load(ordering: .relaxed)
    return code == 0 ? nil : systemMessage(code)
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

/// The HDF5 types that weights are stored in.
enum HDF5FloatType {
  /// The little-endian HDF5 type of `type`.
  ///
  /// HDF5 1.10 has no 16-bit floats of its own; as h5py does, they are made from IEEE single
  /// precision by naming the positions and sizes of the fields.
  static func make(_ type: ElementType) -> HDF5Handle? {
    let made = HDF5Handle { H5Tcopy(hdf5_ieee_f32le()) }
    guard let handle = made else { return nil }
    let id = handle.id
    let status: herr_t =
      switch type {
      case .float32: 0
      case .float16: setFields(id, exponentBits: 5, fractionBits: 10, bias: 15)
      case .bfloat16: setFields(id, exponentBits: 8, fractionBits: 7, bias: 127)
      }
    if status < 0 { return nil }
    return handle
  }

  private static func setFields(
    _ id: hid_t, exponentBits: Int, fractionBits: Int, bias: Int
  ) -> herr_t {
    HDF5.call {
      let fields = H5Tset_fields(id, 15, fractionBits, exponentBits, 0, fractionBits)
      return fields < 0 ? fields : min(H5Tset_size(id, 2), H5Tset_ebias(id, bias))
    }
  }
}
