/// The version of this package.
public let toolVersion = "0.1.0"
