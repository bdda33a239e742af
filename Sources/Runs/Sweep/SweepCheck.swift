import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support

/// What can be said against the runs of a sweep before the first one begins.
struct SweepCheck {
  let folder: String
  private var models: [String: LoadedModel] = [:]
  private var checked: Set<String> = []
  private var texts: [String: String] = [:]
  /// SHA-256 of maps from elsewhere, by path; runs of the sweep may make some on the way.
  private var maps: [String: (stamp: FileStamp, hash: String)] = [:]

  init(folder: String) {
    self.folder = folder
  }

  /// Refuses a run whose model or texts are not there or do not suit its settings, of which no sample
  /// can be made, or whose folder holds gates learned with other settings.
  mutating func check(_ run: SweepRun) throws {
    do {
      try checkFolder(of: run)
      let model = try model(at: run.configuration.model)
      try run.document.placing {
        try run.configuration.validate(for: model.configuration)
        try run.configuration.compute.chooseKernels()
        try checkStages(of: run, model)
      }
    } catch RunError.setting(let location, let problem) {
      throw RunError.setting(location: location, problem: "\(problem) (run \(run.name))")
    } catch let error as any ZigzagError {
      // A file names itself, but not the run that asks for it.
      throw SweepError.Failure(run: run.name, error: error)
    }
  }

  /// What `run` is made from now: the hashes of its model's parts and of its texts, by name.
  mutating func inputs(of run: SweepRun) throws -> [String: String] {
    let identity = try model(at: run.configuration.model).identity
    var hashes: [String: String] = [:]
    for path in run.configuration.textFiles { hashes[path] = textHash(of: path) }
    return RunRecord.inputs(of: identity, texts: hashes).merging(importedMaps(of: run)) { $1 }
  }

  /// What ``ResultInputs/importedMaps(of:)`` gives; a file that is as it was is hashed once.
  mutating func importedMaps(of run: SweepRun) -> [String: String] {
    var found: [String: String] = [:]
    for file in run.configuration.evaluation.maps.map({ ImportedFile.hashed(at: $0.file) }) {
      guard let stamp = FileStamp(path: file) else { continue }
      if let known = maps[file], known.stamp == stamp {
        found["map \(file)"] = known.hash
      } else if let hash = TextFile.sha256(of: file) {
        maps[file] = (stamp, hash)
        found["map \(file)"] = hash
      }
    }
    return found
  }

  private mutating func textHash(of path: String) -> String? {
    if let hash = texts[path] { return hash }
    texts[path] = TextFile.sha256(of: path)
    return texts[path]
  }

  private mutating func model(at path: String) throws(FileError) -> LoadedModel {
    if let model = models[path] { return model }
    let model = try ModelFile.open(path: path)
    models[path] = model
    return model
  }

  /// Asks every stage of runs that differ in what stages check.
  private mutating func checkStages(of run: SweepRun, _ model: LoadedModel) throws {
    let configuration = run.configuration
    for path in configuration.haystack.evaluation.files
    where !FileManager.default.isReadableFile(atPath: path) {
      _ = try HaystackSource.text(at: path)
    }
    guard checked.insert(try settingsHash(configuration.settings(in: .checks))).inserted else {
      return
    }
    let inputs = StageInputs(
      configuration: configuration, model: model.configuration, identity: model.identity,
      tokenizer: try model.requiredTokenizer(), folder: folder)
    for stage in Stage.allCases { try stage.check(inputs) }
  }

  private func checkFolder(of run: SweepRun) throws {
    let files = RunFiles(folder: "\(folder)/\(run.name)")
    guard files.holdGates, FileManager.default.fileExists(atPath: files.configuration) else {
      return
    }
    let before = try ConfigurationDocument(contentsOf: files.configuration)
      .decode(RunConfiguration.self)
    let found = try run.configuration.gateDifferences(from: before)
    guard found.isEmpty else {
      throw RunError.setting(
        location: run.place,
        problem: "\(files.folder) holds a run with other settings: "
          + "\(found.joined(separator: "; ")); undo that, or give the sweep another name")
    }
  }
}
