import CHDF5
import Transformer

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
