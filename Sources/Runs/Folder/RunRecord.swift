import Foundation
import MapReporter
import ModelLoader
import Support
import Transformer

/// The facts of a run that are not in its configuration: `run.json`.
package struct RunRecord: Codable, Sendable, Equatable {
  /// Version of this package.
  package var zigzagVersion = toolVersion
  /// Operating system and its version.
  package var system = ProcessInfo.processInfo.operatingSystemVersionString
  /// Name of the machine.
  package var host = ProcessInfo.processInfo.hostName
  /// The processor's model name, where the system tells.
  package var processor = processorName()
  /// Cores the process may use.
  package var cores = Parallelism.cores
  /// The kernels the linear algebra library chose.
  package var linearAlgebra = ""
  /// The model, with the SHA-256 of its weights.
  package var model: HeadMap.Model?
  /// The model's configuration by key, which tells in words what differs; earlier versions wrote none.
  package var modelConfiguration: [String: String]?
  /// SHA-256 of each text file of the haystacks and of the gates that learning starts from, by its path;
  /// earlier versions wrote none.
  package var texts: [String: String]?
  /// How many samples of each task from a file are cut to their context, by its name; earlier versions wrote none.
  package var truncated: [String: Int]?
  /// Tokens of the longest sample of each task of the evaluation, by its name; earlier versions wrote none.
  package var longest: [String: Int]?
  /// Every setting, as in config.yaml: with it the record is enough to make the run again.
  package var configuration: RunConfiguration?
  /// Seconds of each finished step, by its name; a resumed step adds up.
  package var seconds: [String: Double] = [:]

  /// A record of this process on this machine.
  package init() {}

  enum CodingKeys: String, CodingKey {
    case zigzagVersion = "zigzag_version"
    case system, host, processor, cores
    case linearAlgebra = "linear_algebra"
    case modelConfiguration = "model_configuration"
    case model, texts, truncated, longest, configuration, seconds
  }

  /// Which model the run is of, as far as it is known.
  var identity: ModelIdentity? {
    var identity = model?.identity
    identity?.configuration = modelConfiguration
    return identity
  }

  /// The hashes of the model's parts and of the texts, by name, as a sweep keeps them.
  var inputs: [String: String] { Self.inputs(of: identity, texts: texts ?? [:]) }

  /// The same of a model and texts that are there now.
  static func inputs(of identity: ModelIdentity?, texts: [String: String]) -> [String: String] {
    var found = texts.reduce(into: [:]) { $0["text \($1.key)"] = $1.value }
    found["weights"] = identity?.weightsSHA256
    found["configuration"] = identity?.configurationSHA256
    found["tokenizer"] = identity?.tokenizerSHA256
    return found
  }

  /// Notes that the run is made from this model.
  mutating func note(_ configuration: ModelConfiguration, _ identity: ModelIdentity) {
    model = HeadMap.Model(configuration, identity: identity)
    modelConfiguration = identity.configuration
  }

  /// The record at `path`, or nil where there is none yet.
  ///
  /// - Throws: `FileError` where the file is not a record.
  package static func read(_ path: String) throws(FileError) -> RunRecord? {
    try JSONFile.readIfThere(
      RunRecord.self, at: path, format: "run record", limit: FileLimit.record,
      fix: "delete it to have it written anew")
  }

  /// The record as JSON, keys in alphabetical order.
  package func json() throws(FileError) -> String {
    try JSONFile.prettyText(of: self, name: "run.json")
  }
}
