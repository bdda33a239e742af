import Support

extension HDF5Archive {
  /// Reads the archive at `path`, which has nothing but what the caller expects.
  ///
  /// A file of others may be made to exhaust memory, so that names, kinds and shapes are compared before
  /// any values are read.
  ///
  /// - Parameters:
  ///   - path: Where the file is.
  ///   - known: The attributes that there may be.
  ///   - forms: Given the attributes, the arrays that there must be; it may refuse the file.
  /// - Throws: `FileError` that names what is missing, or there and not expected; what `forms` throws.
  package init(
    reading path: String, attributes known: Set<String>,
    arrays forms: (_ attributes: [String: MetadataValue]) throws -> [String: HDF5ArrayForm]
  ) throws {
    self.init()
    let file = try HDF5Object(opening: path)
    if let other = file.attributeNames.first(where: { !known.contains($0) }) {
      throw FileError.foreign("attribute \(other)", path: path)
    }
    for name in file.attributeNames { attributes[name] = try file.attribute(name) }
    let expected = try forms(attributes)
    var reader = Reader(path: path, expected: expected)
    try reader.open(file, prefix: "")
    for (name, form) in expected.sorted(by: { $0.key < $1.key }) {
      arrays[name] = try reader.read(name, as: form)
    }
  }
}

extension FileError {
  /// Something in an archive that no writer of it has put there.
  fileprivate static func foreign(_ place: String, path: String) -> FileError {
    .invalid(
      path: path, place: place, expected: "nothing of this name", found: "something",
      fix: "it is damaged or of another kind, so remove it or get it anew")
  }
}

/// The datasets of an archive, found and compared with what is expected.
private struct Reader {
  let path: String
  let expected: [String: HDF5ArrayForm]
  private var datasets: [String: HDF5Object] = [:]

  init(path: String, expected: [String: HDF5ArrayForm]) {
    (self.path, self.expected) = (path, expected)
  }

  /// Opens the members of a group whose names begin with `prefix`, none of which may be unknown.
  mutating func open(_ group: HDF5Object, prefix: String) throws(FileError) {
    for member in group.childNames {
      let name = prefix + member
      let isGroup = prefix.isEmpty && expected.keys.contains { $0.hasPrefix(name + "/") }
      guard isGroup || expected[name] != nil, let child = try group.child(member),
        child.isDataset != isGroup
      else { throw .foreign("/\(name)", path: path) }
      if isGroup { try open(child, prefix: name + "/") } else { datasets[name] = child }
    }
  }

  /// The values of the array `name`, once its kind and shape are those of `form`.
  func read(_ name: String, as form: HDF5ArrayForm) throws(FileError) -> HDF5Array {
    let layout = try datasets[name]?.layout()
    guard let dataset = datasets[name], let layout, layout.form == form else {
      throw .invalid(
        path: path, place: "/\(name)", expected: form.name,
        found: layout.map { "\($0.typeName)s of shape \($0.shape)" } ?? "nothing",
        fix: "it is damaged or of another kind, so remove it or get it anew")
    }
    return switch form {
    case .floats(let shape): .floats(try dataset.readFloats(), shape: shape)
    case .doubles(let shape): .doubles(try dataset.readDoubles(), shape: shape)
    case .integers(let shape): .integers(try dataset.readIntegers(), shape: shape)
    }
  }
}

extension HDF5ArrayForm {
  /// The form in words.
  fileprivate var name: String {
    switch self {
    case .floats(let shape): "float32s of shape \(shape)"
    case .doubles(let shape): "float64s of shape \(shape)"
    case .integers(let shape): "integers of shape \(shape)"
    }
  }
}

extension DatasetLayout {
  /// The form of the array that a dataset is read as.
  fileprivate var form: HDF5ArrayForm {
    if elementType != nil { return .floats(shape) }
    return isFloat ? .doubles(shape) : .integers(shape)
  }
}
