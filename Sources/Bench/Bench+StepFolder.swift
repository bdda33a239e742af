import MapReporter
import Support
import Transformer

extension Bench {
  /// Measures one step and leaves it in `folder` for other implementations.
  ///
  /// - Throws: ``MapReporterError/invalidValue(place:expected:found:)`` unless a step of one length is
  ///   all that is asked for; the errors of ``run()`` and of writing.
  public func run(writingStepTo folder: String) throws -> BenchReport {
    guard settings.measures == [.step], settings.lengths.count == 1 else {
      throw MapReporterError.invalidValue(
        place: "--write-step", expected: "given with --measure step and one length",
        found: "given with \(settings.measures.map(\.rawValue).joined(separator: ",")) at "
          + "\(settings.lengths.count) lengths")
    }
    let texts = try texts()
    let place = StepFolder(path: folder)
    try AtomicFile.createFolder(folder)
    let sample = StepSample(texts[0].tokens, settings: settings, input: input)
    let measured = try step(sample)
    try model.requireUnchanged()
    try place.write(
      sample, measured,
      record: StepRecord(sample, measured.result, identity: model.identity))
    var report = report(on: texts)
    report.step = [measured.result]
    return report
  }

  /// Makes exactly the step of `folder` again; of the settings only `repeats` counts.
  ///
  /// - Throws: The errors of ``run()``, and those of reading where the folder holds no step of this
  ///   model.
  public func repeatStep(from folder: String) throws -> StepRecord {
    let place = StepFolder(path: folder)
    let stored = try place.readRecord()
    let sample = try place.readSample(stored, for: model)
    let gradients = try place.readGradients(for: model).joined().map { Double($0) }
    if stored.configurationSHA256 == nil {
      observer.warn(
        "\(folder) is of an earlier version and does not say the configuration of its model, which could "
          + "not be compared")
    }
    let measured = try step(sample)
    try model.requireUnchanged()
    var record = StepRecord(sample, measured.result, identity: model.identity)
    let largest = gradients.reduce(1e-30) { max($0, abs($1)) }
    let differences = zip(measured.gradients.joined(), gradients).map { abs($0 - $1) }
    record.lossDifference = record.loss - stored.loss
    record.gradientDifference = (differences.max() ?? 0) / largest
    return record
  }
}
