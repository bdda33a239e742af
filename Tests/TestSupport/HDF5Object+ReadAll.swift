import ModelLoader
import Support

extension HDF5Object {
  /// Reads every attribute and every value of this object and below it.
  package func readAll(depth: Int = 4) throws(FileError) {
    for name in attributeNames { _ = try attribute(name) }
    if isDataset { _ = try readStored() }
    if depth == 0 { return }
    for name in childNames { try child(name)?.readAll(depth: depth - 1) }
  }
}
