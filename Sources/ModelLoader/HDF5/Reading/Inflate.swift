import CZlib

/// The content of a zlib stream, HDF5's `gzip` filter; nil if it is none or longer than `limit` bytes.
func inflated(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
  var isWhole = false
  let content = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
    var length = uLongf(limit)
    isWhole = unsafe uncompress(buffer.baseAddress, &length, bytes, uLong(bytes.count)) == Z_OK
    filled = isWhole ? Int(length) : 0
  }
  return isWhole ? content : nil
}
