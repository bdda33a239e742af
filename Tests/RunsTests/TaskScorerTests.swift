import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Runs
import TestSupport
import Testing
import Transformer

/// Tasks as the tool measures them, on the model in data/.
@Suite struct TaskScorerTests {
  private static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  private let loaded: LoadedModel
  private let model: RunModel
  private let maps: [HeadSet]
  private static let window = StreamingWindow(sink: 4, recent: 32)

  init() throws {
    loaded = try ModelFile.open(path: "\(Self.repository)/data/passkey.h5")
    let decoder = loaded.decoder
    model = RunModel(
      decoder: decoder, tokenizer: try Tokenizer(json: try #require(loaded.tokenizerJSON)))
    let full = AttentionPattern.full(loaded.configuration).heads
    var mixed = full
    for layer in [0, 3, 5] { mixed.rows[layer] = mixed.rows[layer].map { _ in false } }
    mixed.rows[6][1] = false
    maps = [full, mixed, HeadSet(full.rows.map { $0.map { _ in false } })]
  }

  private func scores(
    _ task: EvaluationTask, in deployment: Deployment = Deployment(window),
    samples: Range<Int> = 0..<2
  ) throws -> [[SampleScores]] {
    var configuration = RunConfiguration(name: "t", model: "m")
    configuration.evaluation.context = 384
    let scorer = try configuration.scorer(task, deployment, model)
    return try samples.map { index in
      var found: [Int: SampleScores] = [:]
      try scorer.score(maps, wanted: [true, true, true], sample: index) {
        #expect(found.updateValue($1, forKey: $0) == nil)
      }
      // One alone has the very scores that it has among others, to the last bit.
      for place in maps.indices {
        try scorer.score(maps, wanted: maps.indices.map { $0 == place }, sample: index) {
          #expect($0 == place && found[$0] == $1)
        }
      }
      return try maps.indices.map { try #require(found[$0]) }
    }
  }

  /// Greedy decoding feeds the true tokens on, so that it must agree with one prefill, token by token.
  @Test(arguments: [
    Deployment(window), Deployment(window, phase: .decode), Deployment(window, phase: .prompt),
    Deployment(window, phase: .decode, after: .keep),
    Deployment(window, phase: .decode, boundary: .answer),
    Deployment(StreamingWindow(sink: 0, recent: 32, block: 16)),
  ])
  func decodingAgreesWithTeacherForcing(deployment: Deployment) throws {
    var task = EvaluationTask(name: "words", task: .heldOutPasskeys)
    let forced = try scores(task, in: deployment)
    task.decodes = true
    let decoded = try scores(task, in: deployment)
    for (one, other) in zip(forced.joined(), decoded.joined()) {
      #expect(one.total(.tokens) == other.total(.tokens))
      #expect(one.total(.firstTokens) == other.total(.firstTokens))
      #expect(one.total(.exact).count == 0 && other.total(.exact).count == 4)
    }
    let exact = decoded.map { $0.map { $0.total(.exact).sum } }
    #expect(exact.map { $0[0] }.reduce(0, +) >= 4, "full attention: \(exact)")
    // What decodes with its whole context finds some of what its prompt did not gather.
    if deployment.phase != .prompt {
      #expect(exact.map { $0[2] }.reduce(0, +) == 0, "all streaming: \(exact)")
    }
  }

  /// Where not everything streams, the second half of a passage is judged.
  @Test func proseHasAPromptToo() throws {
    let task = EvaluationTask(name: "prose", content: .prose(ProseSettings()))
    let positions = ProseSettings().positions(in: 384).filter { $0 >= 192 }
    for phase in [Deployment.Phase.decode, .prompt] {
      for sample in try scores(task, in: Deployment(Self.window, phase: phase)) {
        #expect(sample[0].total(.divergence).count == positions.count)
        #expect(abs(sample[0].total(.divergence).sum) < 1e-4)
        #expect(sample[2].total(.divergence).sum > 1e-3)
      }
    }
  }

  /// An answer is exact iff all its tokens are right: with answers of one word the two are the same.
  @Test func exactCountsWholeAnswers() throws {
    var wording = PasskeyTask.heldOutPasskeys
    wording.length = 1
    var task = EvaluationTask(name: "words", task: wording)
    task.decodes = true
    for scores in try scores(task, samples: 0..<4).joined() {
      let (tokens, exact) = (scores.total(.tokens), scores.total(.exact))
      #expect(exact.count == 4)
      if tokens.count == exact.count { #expect(tokens.sum == exact.sum) }
    }
  }

  @Test func proseIsJudgedAgainstFullAttention() throws {
    var prose = ProseSettings()
    prose.every = 5
    let task = EvaluationTask(name: "prose", content: .prose(prose))
    let scores = try scores(task)
    for sample in scores {
      #expect(sample[0].total(.divergence).count == prose.positions(in: 384).count)
      #expect(abs(sample[0].total(.divergence).sum) < 1e-4)
      #expect(sample[2].total(.divergence).sum > sample[1].total(.divergence).sum)
      #expect(sample[1].total(.divergence).sum > 1e-3)
      // Within the window nothing is lost: the first of eight parts has 48 positions, the window 36.
      let parts = (0..<prose.bins).map { sample[2].sums[.init(.divergence, place: $0)]?.sum ?? 0 }
      #expect(parts[0] < parts[1])
    }
    #expect(scores[0] != scores[1])
  }

  @Test func searchSamplesTakeEveryTaskAtEveryLength() throws {
    var configuration = RunConfiguration(name: "t", model: "m")
    let (one, two) = (PasskeyTask.needle, PasskeyTask.fiveDigits)
    configuration.search.tasks = [.passkeys(one), .passkeys(two)]
    configuration.search.contexts = [256, 384, 320]
    configuration.search.samples = 7
    let samples = try configuration.searchSamples(model.tokenizer)
    #expect(samples.map(\.length) == [256, 256, 384, 384, 320, 320, 256])
    configuration.search.contexts = [256]
    for (index, task) in [one, two].enumerated() {
      configuration.search.tasks = [.passkeys(task)]
      #expect(try configuration.searchSamples(model.tokenizer)[index] == samples[index])
    }
  }

  /// As many kinds of RULER as contexts: each kind comes at each context all the same.
  @Test func searchSamplesTakeEveryKindAtEveryContext() throws {
    var configuration = RunConfiguration(name: "t", model: "m")
    var ruler = RulerTask()
    ruler.kinds = [.multiValue, .frequentWords]
    configuration.search.tasks = [.ruler(ruler), .passkeys(.fiveDigits)]
    configuration.search.contexts = [480, 512]
    configuration.search.samples = 8
    let samples = try configuration.searchSamples(model.tokenizer)
    let made = stride(from: 0, to: 8, by: 2).map { samples[$0] }
    #expect(made.map(\.answers.count) == [4, 3, 4, 3])
    let lengths = made.map(\.length)
    #expect(lengths[2] > lengths[0] && lengths[1] > lengths[3], "\(lengths)")
    // Fewer samples than kinds take their turns at all lengths, too.
    ruler.kinds = [.single1, .multiKey1, .multiValue]
    configuration.search.tasks = [.ruler(ruler)]
    configuration.search.contexts = [512, 1024]
    configuration.search.samples = 2
    let few = try configuration.searchSamples(model.tokenizer).map(\.length)
    #expect(few[0] < 512 && few[1] > 512, "\(few)")
  }

  @Test func gridsPutTheNeedleWhereTheySay() throws {
    var task = EvaluationTask(name: "grid", task: .needle)
    task.grid = NeedleGrid(lengths: [256, 384], depths: [0, 0.5, 1])
    let configuration = RunConfiguration(name: "t", model: "m")
    let samples = try configuration.evaluationSamples(
      task, model.tokenizer, positions: 512)
    for index in 0..<12 {
      let cell = try #require(task.grid).cell(of: index)
      let sample = try samples.sample(index: index)
      #expect(sample.length == cell.length)
      let text = Double(sample.labelRows.lowerBound)
      let place = Double(sample.needles[0].lowerBound) / text
      // Prologue, epilogue and the needle's own sentence are not part of the depth.
      #expect(abs(place - cell.depth) < 0.35, "\(cell) at \(place)")
    }
    let places = try (0..<3).map { index in
      try samples.sample(index: index).needles[0].lowerBound
    }
    #expect(places[0] < places[1] && places[1] < places[2])
  }
}
