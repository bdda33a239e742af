import Cluster
import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Transformer

/// A rank that computes what rank 0 asks for, and owns no file of the run.
package final class RankWorker {
  private let communicator: Communicator
  private let version: String
  private let watch: RankWatch
  private var waiting: [RankEnvelope<RankRequest>] = []
  private var bench: RankBench?

  /// Rank 0 tells this rank to end.
  private struct Ended: Error {}

  /// A rank of a job whose tool is of this version.
  package init(_ communicator: Communicator, version: String, watch: RankWatch) {
    self.communicator = communicator
    self.version = version
    self.watch = watch
  }

  /// Answers rank 0 until it says that this is the end.
  ///
  /// - Throws: `CommunicatorError`, and what a message cannot be read with.
  package func serve() throws {
    do {
      while true { try answer(try next()) }
    } catch is Ended {
      watch.end()
      // The last message has no bytes.
      try communicator.send([], to: 0)
      try communicator.leave()
    }
  }

  private func next() throws -> RankEnvelope<RankRequest> {
    while true {
      try receive()
      if !waiting.isEmpty { return waiting.removeFirst() }
      Communicator.rest()
    }
  }

  /// Takes what has come; between two parts of a request, so that the end comes soon.
  private func receive() throws {
    while let message = try communicator.receive() {
      let request = try RankEnvelope<RankRequest>(message.bytes)
      if case .end = request.content { throw Ended() }
      waiting.append(request)
    }
  }

  private func answer(_ request: RankEnvelope<RankRequest>) throws {
    func reply(_ reply: RankReply) throws {
      try communicator.send(RankEnvelope(number: request.number, reply).bytes(), to: 0)
      try receive()
    }
    do {
      if case .open(let setup) = request.content {
        bench = nil
        watch.watch(setup.process, rank: 0)
        let bench = try RankBench(setup, communicator, between: receive)
        self.bench = bench
        return try reply(.facts(bench.facts(version)))
      }
      try bench?.work(request.content, reply: reply)
    } catch let error as Ended {
      throw error
    } catch let error as CommunicatorError {
      throw error
    } catch {
      let kind = (error as? any ZigzagError)?.category ?? .badData
      try reply(.failed("\(error)", kind: kind.name, host: ProcessInfo.processInfo.hostName))
    }
  }
}

/// A run as a rank has opened it, and what it keeps between requests.
private final class RankBench {
  private let configuration: RunConfiguration
  private let folder: String
  private let source: LoadedModel
  private let model: RunModel
  private let texts: [String: String]
  private let communicator: Communicator
  /// Called between two parts of a request.
  private let between: () throws -> Void

  private var learner: SampleLearner?
  private var read: PromptedSamples?
  private var judges: [MapUnit: (judge: any LossJudge, generation: Int)] = [:]
  private var scored: ScoreSamples?
  private var masked: [TaskSample]?
  private var scorer: (task: Int, deployment: Int, scorer: any TaskScorer, maps: [HeadSet])?

  init(
    _ setup: RankSetup, _ communicator: Communicator, between: @escaping () throws -> Void
  ) throws {
    guard FileManager.default.changeCurrentDirectoryPath(setup.workingDirectory) else {
      throw FileError.missing(
        path: setup.workingDirectory, what: "folder",
        fix: "start the job in a folder that all machines have")
    }
    let document = try ConfigurationDocument(
      yaml: setup.configuration, path: "the configuration of rank 0")
    configuration = try RunConfiguration(document)
    source = try configuration.openModel(document)
    try document.placing { [configuration] in try configuration.compute.chooseKernels() }
    model = try RunModel(source)
    texts = configuration.textHashes()
    folder = setup.folder
    self.communicator = communicator
    self.between = between
  }

  func facts(_ version: String) -> RankFacts { RankFacts(version, source.identity, texts: texts) }

  func work(_ request: RankRequest, reply: (RankReply) throws -> Void) throws {
    try source.requireUnchanged()
    release(for: request)
    switch request {
    case .learn(let samples, let gates):
      let learner = try self.learner ?? makeLearner()
      self.learner = learner
      let gates = gates.rows.map { $0.map { Float($0) } }
      for sample in samples {
        try reply(.learned(RankSample(try learner.learn(sample, gates: gates))))
      }
    case .judge(let unit):
      judges[unit] = (try makeJudge(unit), 0)
      try reply(.judging(reread: read?.reread ?? 0))
    case .losses(let trials): try reply(.losses(.init(try losses(trials))))
    case .attention(let samples):
      let sampler = try configuration.calibrationSampler(model.tokenizer)
      for index in samples {
        try reply(.rows(.init(try configuration.windowMass(of: index, sampler, model))))
      }
    case .score(let methods, let samples):
      let methods = methods.compactMap(ScoreMethod.init(rawValue:))
      let scored = try self.scored ?? configuration.scoreSamples(model.tokenizer)
      self.scored = scored
      let scorer = try configuration.headScorer(model)
      for index in samples {
        let rows = try scored.rows(of: index, scorer, by: methods)
        try reply(
          .scored(rows.reduce(into: [:]) { $0[$1.key.rawValue] = RankRows($1.value) }))
      }
    case .mask(let mask, let samples):
      guard let mask = mask.mask else { throw confused }
      let all =
        try masked
        ?? configuration.maskingSamples(model.tokenizer, model.decoder.configuration)
      masked = all
      for index in samples {
        try reply(.masked(RankScores(model.decoder.scores(all[index], without: mask))))
      }
    case .evaluate(let evaluation): try evaluate(evaluation, reply)
    case .open, .end: break
    }
  }

  /// Gives up what a request of this kind does not need: stages come one after the other.
  private func release(for request: RankRequest) {
    switch request {
    case .judge, .losses: (learner, scorer, scored, masked) = (nil, nil, nil, nil)
    case .learn: break
    default: (learner, read, judges) = (nil, nil, [:])
    }
  }

  /// Rank 0 asked for what it did not prepare.
  private var confused: RankError { .confused(rank: 0, host: ProcessInfo.processInfo.hostName) }

  private func makeLearner() throws -> SampleLearner {
    guard let settings = configuration.calibration else {
      throw InvalidSetting(
        [RunConfiguration.CodingKeys.calibration.rawValue], "is none, so that there are no gates")
    }
    let compute = configuration.compute
    let files = RunFiles(folder: folder)
    var cache = TeacherCacheSettings.none
    if settings.samples > 0 {
      // A rank keeps what its own samples need; the files of a folder that ranks share serve all.
      cache = TeacherCacheSettings(
        byteBudget: compute.teacherCache.byteCount,
        folder: compute.teacherCacheOnDisk ? files.teacher : nil,
        identity: try configuration.checkpointIdentity(source.identity, texts: texts))
      if compute.teacherCacheOnDisk { try AtomicFile.createFolder(files.teacher) }
    }
    return try configuration.calibrator(settings, model, cache: cache).learner()
  }

  private func makeJudge(_ unit: MapUnit) throws -> any LossJudge {
    let samples = try configuration.searchSamples(model.tokenizer)
    let own = samples.indices.filter { $0 % communicator.size == communicator.rank }.map {
      samples[$0]
    }
    return try configuration.judge(
      unit, model.decoder, own, folder: folder, &read, onRead: { _ in try self.between() },
      onEach: between)
  }

  private func losses(_ trials: RankTrials) throws -> [[Double]] {
    guard let (judge, generation) = judges[trials.unit] else { throw confused }
    if generation != trials.generation {
      judge.rebase([Bool](flags: trials.base))
      judges[trials.unit]?.generation = trials.generation
    }
    return try judge.losses(
      of: zip(trials.sets, trials.samples).map {
        SetTrial(kept: [Bool](flags: $0), sample: $1 / communicator.size)
      }, by: trials.kinds)
  }

  private func evaluate(
    _ evaluation: RankEvaluation, _ reply: (RankReply) throws -> Void
  ) throws {
    if let maps = evaluation.maps {
      let task = configuration.evaluation.tasks[evaluation.task]
      let deployment = configuration.deployments[evaluation.deployment]
      scorer = (
        evaluation.task, evaluation.deployment,
        try configuration.scorer(task, deployment, model),
        maps.map { HeadSet($0.map { [Bool](flags: $0) }) }
      )
    }
    guard let scorer, scorer.task == evaluation.task, scorer.deployment == evaluation.deployment
    else { throw confused }
    let wanted = Set(evaluation.wanted)
    try scorer.scorer.score(
      scorer.maps, wanted: scorer.maps.indices.map(wanted.contains), sample: evaluation.sample
    ) { place, scores in
      try reply(.map(place: place, RankScores(scores)))
    }
    try reply(.done)
  }
}
