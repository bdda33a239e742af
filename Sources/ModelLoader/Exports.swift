// The decoder and the errors of files are part of this module's interface: who imports it has them.
@_exported import Support
@_exported import Transformer
