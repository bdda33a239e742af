import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support

/// A result of a run that knows what it was made from.
enum RunResult: Hashable {
  /// `gates.tsv`.
  case gates
  /// `attention.tsv`.
  case attention
  /// `one-layer-back.csv`.
  case restoration
  /// The table of searched maps of a unit.
  case search(MapUnit)
  /// The scores of all heads by a method.
  case headScores(ScoreMethod)
  /// `masking.csv`.
  case masking
  /// The lines of `scores.csv` of one task.
  case scores(task: String)
  /// `curves.csv` and `places.csv`.
  case curves

  /// Something a result can be made from.
  enum Input {
    /// Weights, configuration and tokenizer.
    case model
    /// The texts that gates are learned and maps are searched on, and the gates that learning starts from.
    case calibrationTexts
    /// The files of tasks that maps are searched on.
    case searchTexts
    /// The texts that maps are judged on.
    case evaluationTexts
    /// Those of one task: its file, or the texts of the haystack.
    case texts(task: String)
    /// The settings that the gates depend on.
    case gateSettings
    /// Those that searched maps depend on besides.
    case searchSettings
    /// Tokens of the samples that attention is measured on, where no calibration says it.
    case attentionContext
    /// What streaming heads see.
    case window
    /// Those that the samples of a task depend on.
    case sampleSettings(task: String)
    /// Those of all tasks.
    case allSampleSettings
    /// Those that decide which maps are measured, on how many samples, and what is stated of them.
    case evaluationSettings
    /// The bytes of the gates and maps from elsewhere that are measured.
    case importedMaps
    /// The texts that questions on documents are made of, or their file.
    case scoreTexts
    /// Those that scores of heads depend on.
    case scoreSettings
    /// What is masked, on which samples.
    case maskingSettings
    /// The bytes of the scores of heads.
    case headScores
    /// The same, where maps are searched from those of the scores.
    case startingScores
    /// The bytes of `gates.tsv`.
    case gates
    /// The bytes of the tables of searched maps.
    case searches
  }

  /// What it is made from: the table that all checks go by.
  var inputs: [Input] {
    switch self {
    case .gates: [.model, .calibrationTexts, .gateSettings]
    case .attention: [.model, .calibrationTexts, .gateSettings, .attentionContext]
    case .restoration: [.model, .calibrationTexts, .searchTexts, .gateSettings, .searchSettings]
    case .search:
      [
        .model, .calibrationTexts, .searchTexts, .gateSettings, .searchSettings, .gates,
        .startingScores,
      ]
    case .headScores(.lazy): RunResult.attention.inputs
    case .headScores(.oneLayerBack), .headScores(.oneLayerBackLikelihood):
      RunResult.restoration.inputs
    case .headScores: [.model, .scoreTexts, .scoreSettings]
    case .masking: [.model, .evaluationTexts, .maskingSettings, .headScores]
    case .scores(let task): [.model, .texts(task: task), .window, .sampleSettings(task: task)]
    case .curves:
      [
        .model, .evaluationTexts, .window, .allSampleSettings, .evaluationSettings, .importedMaps,
        .gates, .searches, .headScores,
      ]
    }
  }

  /// Its name in the ledger.
  var name: String {
    switch self {
    case .gates: "gates.tsv"
    case .attention: "attention.tsv"
    case .restoration: "one-layer-back.csv"
    case .headScores(let method): RunFile.headScores(method).name
    case .masking: RunFile.masking.name
    case .search(let unit): "search-\(unit).csv"
    case .scores(let task): "scores.csv, task \(task)"
    case .curves: "curves.csv"
    }
  }

  /// The files that hold it and nothing else.
  func files(in folder: RunFiles) -> [String] {
    switch self {
    case .gates: [folder[.gates]]
    case .attention: [folder[.attention]]
    case .restoration: [folder[.restoration]]
    case .headScores(let method): [folder[.headScores(method)]]
    case .masking: [folder[.masking]]
    case .search(let unit): [folder[.search(unit)]]
    case .scores: []
    case .curves: [folder[.curves], folder[.places]]
    }
  }

  /// Whether the folder has any of these files.
  func isThere(in folder: RunFiles) -> Bool {
    files(in: folder).contains(where: FileManager.default.fileExists(atPath:))
  }

  /// How it is made again.
  var advice: String {
    switch self {
    case .gates:
      "bring back what it was made from (gates.tsv itself is written again from checkpoint.h5 when it is "
        + "removed), or give this run another name with --set name=…"
    case .attention, .restoration, .scores, .curves: "measure again with zigzag evaluate"
    case .search: "search again with zigzag search"
    case .headScores, .masking: "score the heads again with zigzag score"
    }
  }
}

/// What the results of a run folder are made from as things are now.
struct ResultInputs {
  let configuration: RunConfiguration
  let record: RunRecord
  let files: RunFiles

  /// The hashes of all that `result` is made from; what is not known is left out.
  func fingerprint(of result: RunResult) throws -> ResultLedger.Fingerprint {
    var found: ResultLedger.Fingerprint = [:]
    for input in result.inputs {
      found.merge(try hashes(of: input)) { first, _ in first }
    }
    return found
  }

  private func hashes(of input: RunResult.Input) throws -> ResultLedger.Fingerprint {
    switch input {
    case .model:
      let identity = record.identity
      return [
        "weights": identity?.weightsSHA256, "configuration": identity?.configurationSHA256,
        "tokenizer": identity?.tokenizerSHA256,
      ].compactMapValues(\.self)
    case .calibrationTexts: return texts(configuration.calibrationTextFiles)
    case .searchTexts: return texts(configuration.searchTextFiles)
    case .evaluationTexts: return texts(configuration.evaluationTextFiles)
    case .texts(let task): return texts(configuration.textFiles(ofTask: task))
    case .gateSettings:
      return [
        "settings of the gates":
          try configuration.hash { try $0.gateSettings() }
      ]
    case .searchSettings:
      return [
        "settings of the search":
          try configuration.hash { try $0.searchSettings() }
      ]
    case .attentionContext:
      guard configuration.calibration == nil else { return [:] }
      return ["tokens of its samples": "\(configuration.evaluation.context)"]
    case .window:
      let deployment = configuration.deployment
      let window = deployment.window
      return [
        "window": deployment.isPlain
          ? "sink \(window.sink), recent \(window.recent)" : deployment.name
      ]
    case .sampleSettings(let task):
      return ["settings of the samples": try sampleHash(task)]
    case .allSampleSettings:
      return try configuration.evaluation.tasks.reduce(into: [:]) {
        $0["settings of the task \($1.name)"] = try sampleHash($1.name)
      }
    case .evaluationSettings:
      return [
        "settings of the evaluation":
          try configuration.hash { try $0.settings(in: .evaluation) }
      ]
    case .importedMaps: return Self.importedMaps(of: configuration)
    case .scoreTexts: return texts(configuration.scoreTextFiles)
    case .scoreSettings:
      return [
        "settings of the scores": try configuration.hash { try $0.scoreSettings() }
      ]
    case .maskingSettings:
      return [
        "settings of the masking": try configuration.hash { try $0.settings(in: .masking) },
        "settings of its task":
          try configuration.maskingTask.map { try $0.name + sampleHash($0.name) } ?? "none",
      ]
    case .headScores:
      return contents(configuration.scores.methods.map { files[.headScores($0)] })
    case .startingScores:
      guard let choice = configuration.startingScores else { return [:] }
      return try hashes(of: .headScores).merging(["choice of the starting scores": choice]) { $1 }
    case .gates: return contents([files.gates])
    case .searches: return contents(files.searchTables)
    }
  }

  /// The hashes of the files of `evaluation.maps`, by `map PATH`; those that cannot be read are left out.
  static func importedMaps(of configuration: RunConfiguration) -> ResultLedger.Fingerprint {
    configuration.evaluation.maps.map { ImportedFile.hashed(at: $0.file) }.reduce(into: [:]) {
      $0["map \($1)"] = TextFile.sha256(of: $1)
    }
  }

  private func sampleHash(_ task: String) throws -> String {
    // Tasks have no defaults to leave out: the whole list is one setting.
    settingsHash(try configuration.sampleSettings()[task] ?? [:])
  }

  private func texts(_ paths: [String]) -> ResultLedger.Fingerprint {
    paths.reduce(into: [:]) { $0["text \($1)"] = record.texts?[$1] }
  }

  private func contents(_ paths: [String]) -> ResultLedger.Fingerprint {
    paths.reduce(into: [:]) { found, path in
      let name = URL(fileURLWithPath: path).lastPathComponent
      found["file \(name)"] = TextFile.sha256(of: path)
    }
  }

  /// The hashes of the bytes of `result` itself, by entry: of `texts`, one for each of its files, or of what the
  /// folder holds.
  ///
  /// Scores are one file for all tasks, which grows with each sample. Theirs are the lines of the task.
  func contents(of result: RunResult, texts: [String]? = nil) throws -> ResultLedger.Fingerprint {
    var found: ResultLedger.Fingerprint = [:]
    if case .scores(let task) = result {
      let text = try texts?.first ?? ScoreTable.read(files.scores).text(of: task)
      found[Self.content] = sha256(of: text)
    }
    for (index, path) in result.files(in: files).enumerated() {
      let name = URL(fileURLWithPath: path).lastPathComponent
      found[index == 0 ? Self.content : "\(Self.content) of \(name)"] =
        texts.map { sha256(of: $0[index]) } ?? TextFile.sha256(of: path)
    }
    return found
  }

  /// In words, how what `result` was made from, `then`, differs from what is there now; empty where it does
  /// not, as far as both are known.
  ///
  /// `texts` are those of its files, where they have been read already.
  func differences(
    of result: RunResult, from then: ResultLedger.Fingerprint, texts: [String]? = nil
  ) throws -> [String] {
    let now = try fingerprint(of: result)
    var found = Self.identity(of: then).differences(from: Self.identity(of: now))
    found += try ownDifferences(of: result, from: then, texts: texts)
    let own = Self.modelParts + [Self.earlierContent]
    for (name, old) in then.sorted(by: { $0.key < $1.key })
    where !own.contains(name) && !Self.isContent(name) && old != now[name] {
      // What belongs to a file or a setting is named by its first word.
      let parts = name.split(separator: " ", maxSplits: 1)
      switch parts.first {
      case "window": found.append("the window is \(now[name] ?? "another"), there it was \(old)")
      case "map" where now[name] == nil:
        // A run is read without what it was made from.
        continue
      case "text", "file", "map":
        if parts.first == "file", now[name] == nil, isThere("\(files.folder)/\(parts[1])") {
          continue
        }
        let missing = parts.first == "text" ? "not among the texts" : "missing"
        found.append("\(parts.last ?? "") is \(now[name] == nil ? missing : "another file") now")
      default:
        if try !isFormer(old, of: name) { found.append("the \(name) are others now") }
      }
    }
    return found
  }

  private func isThere(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// The same of the bytes of the result's own files.
  private func ownDifferences(
    of result: RunResult, from then: ResultLedger.Fingerprint, texts: [String]?
  ) throws -> [String] {
    let now = try contents(of: result, texts: texts)
    let paths = result.files(in: files)
    return then.sorted { $0.key < $1.key }.compactMap { name, old in
      guard Self.isContent(name) else { return nil }
      let hash = now[name]
      if hash == old || (hash != nil && hash == then[Self.earlierContent]) { return nil }
      // What is there and cannot be read is left to its reader to refuse.
      if hash == nil, paths.contains(where: { isThere($0) && TextFile.sha256(of: $0) == nil }) {
        return nil
      }
      let file =
        paths.map { URL(fileURLWithPath: $0).lastPathComponent }
        .first { "\(Self.content) of \($0)" == name } ?? result.name
      return hash == nil
        ? "\(file) is missing" : "\(file) was changed or replaced after the run wrote it"
    }
  }

  /// Whether `hash` is that of the present settings as builds before 29 November 2026, 8 o'clock, made it.
  private func isFormer(_ hash: String, of name: String) throws -> Bool {
    switch name {
    case "settings of the gates":
      try configuration.formerHash { try $0.gateSettings() } == hash
    case "settings of the search":
      try configuration.formerHash { try $0.searchSettings() } == hash
    default:
      try configuration.sampleSettings().values.contains { sha256(of: settingsText($0)) == hash }
    }
  }

  /// Refuses a result that was made from something else than there is now; one of which nobody knows passes.
  ///
  /// `inputs` are those that may have changed.
  ///
  /// - Throws: ``RunError/otherResult(path:differences:advice:)``.
  func requireOwn(
    _ result: RunResult, _ ledger: ResultLedger, except inputs: [RunResult.Input] = []
  ) throws {
    guard var then = ledger[result] else { return }
    for input in inputs { for name in try hashes(of: input).keys { then[name] = nil } }
    let found = try differences(of: result, from: then)
    guard found.isEmpty else {
      throw RunError.otherResult(
        path: "\(files.folder)/\(result.name)", differences: found,
        advice: result.advice)
    }
  }

  /// The entry of the hash of a result's own bytes, by which it is known from others of the same inputs.
  static let content = "content"
  /// That of the bytes before the last write, which a process that was killed meanwhile leaves behind.
  static let earlierContent = "content before"

  /// Whether `name` is the entry of the bytes of one of the result's files.
  private static func isContent(_ name: String) -> Bool {
    name == content || name.hasPrefix("\(content) of ")
  }

  private static let modelParts = ["weights", "configuration", "tokenizer"]

  private static func identity(of fingerprint: ResultLedger.Fingerprint) -> ModelIdentity {
    ModelIdentity(
      weightsSHA256: fingerprint["weights"], configurationSHA256: fingerprint["configuration"],
      tokenizerSHA256: fingerprint["tokenizer"])
  }
}

/// SHA-256 of settings: two lists of them that differ in anything have different hashes.
package func settingsHash(_ settings: [String: String?]) -> String {
  let lines = settings.sorted { $0.key < $1.key }.map { name, value in
    "\(name.utf8.count) \(name) \(value.map { "\($0.utf8.count) \($0)" } ?? "none")"
  }
  return sha256(of: lines.joined(separator: "\n"))
}

/// Settings as text, a line for each.
func settingsText(_ settings: [String: String]) -> String {
  settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
}
