import BasicContainers
import TestSupport
import Testing
import Transformer

/// Maps in every deployment against the oracle, whose attention asks ``StreamingRule/sees(query:key:)`` of every
/// pair.
@Suite struct DeploymentTests {
  private static let windows = [
    StreamingWindow(sink: 3, recent: 5), StreamingWindow(sink: 0, recent: 7),
    StreamingWindow(sink: 4, recent: 8, block: 4), StreamingWindow(sink: 70, recent: 2),
  ]
  static let deployments = windows.flatMap { window in
    [
      Deployment(window), Deployment(window, phase: .decode), Deployment(window, phase: .prompt),
      Deployment(window, phase: .decode, after: .keep),
    ]
  }

  /// Whole layers, single heads, and both ends.
  private func maps(_ c: ModelConfiguration, _ random: inout TestRandom) -> [HeadSet] {
    var maps = [true, false].map {
      HeadSet(retrievalLayers: Array(repeating: $0, count: c.layers), heads: c.keyValueHeads)
    }
    for layer in 0..<c.layers {
      maps.append(
        HeadSet(retrievalLayers: (0..<c.layers).map { $0 != layer }, heads: c.keyValueHeads))
    }
    for _ in 0..<3 {
      maps.append(
        HeadSet(
          (0..<c.layers).map { _ in (0..<c.keyValueHeads).map { _ in random.unit() < 0.5 } }))
    }
    return maps
  }

  @Test func theRuleIsWhatItSays() {
    let window = StreamingWindow(sink: 2, recent: 4)
    // Query 12 of a prompt of 10 tokens, key by key: 1 is visible.
    func seen(_ deployment: Deployment, query: Int) -> String {
      let rule = deployment.rule(boundary: 10)
      return (0..<14).map { rule.sees(query: query, key: $0) ? "1" : "0" }.joined()
    }
    #expect(seen(Deployment(window), query: 12) == "11000000011110")
    #expect(seen(Deployment(window), query: 8) == "11000111100000")
    #expect(seen(Deployment(window, phase: .decode), query: 12) == "11000000011110")
    #expect(seen(Deployment(window, phase: .decode), query: 8) == "11111111100000")
    #expect(seen(Deployment(window, phase: .prompt), query: 12) == "11111111111110")
    #expect(seen(Deployment(window, phase: .prompt), query: 8) == "11000111100000")
    #expect(seen(Deployment(window, phase: .decode, after: .keep), query: 12) == "11000011111110")
    let blocks = StreamingWindow(sink: 0, recent: 8, block: 4)
    #expect(seen(Deployment(blocks), query: 12) == "00000000111110")
    #expect(seen(Deployment(blocks), query: 11) == "00001111111100")
  }

  @Test(arguments: Architectures.all, deployments)
  func wholePassesMatchTheOracle(_ c: ModelConfiguration, _ deployment: Deployment) {
    let model = RandomModel(c, seed: 31)
    let oracle = ReferenceModel(model)
    var random = TestRandom(seed: 32)
    let tokens = random.tokens(40, vocabulary: c.vocabulary)
    for boundary in deployment.phase == .everywhere ? [0] : [1, 25, 40] {
      let rule = deployment.rule(boundary: boundary)
      for map in maps(c, &random).suffix(2) {
        let pattern = AttentionPattern(map, rule)
        let expected = oracle.finalHidden(tokens, pattern: pattern)
        for rows in [0..<40, 24..<40, 38..<40] {
          let hidden = model.decoder.finalHidden(tokens, pattern: pattern, rows: rows)
          expectClose(
            hidden.values, Array(expected[rows].joined()), tolerance: 1e-4,
            "\(deployment.name), \(boundary), \(rows)")
        }
      }
    }
  }

  /// One token after the other, through a cache that holds what is still seen.
  @Test(arguments: Architectures.all, deployments)
  func decodingMatchesTheOracle(_ c: ModelConfiguration, _ deployment: Deployment) {
    let model = RandomModel(c, seed: 33)
    let oracle = ReferenceModel(model)
    var random = TestRandom(seed: 34)
    let tokens = random.tokens(40, vocabulary: c.vocabulary)
    let none = HeadSet(
      Array(repeating: Array(repeating: false, count: c.keyValueHeads), count: c.layers))
    for (read, boundary, streams) in [
      (20, 20, false), (30, 20, false), (7, 20, false), (20, 20, true), (38, 38, true),
    ] {
      let map = streams ? none : maps(c, &random)[5]
      let pattern = AttentionPattern(map, deployment.rule(boundary: boundary))
      let expected = oracle.finalHidden(tokens, pattern: pattern)
      var generation = Generation(
        model.decoder, prompt: Array(tokens[..<read]), pattern: pattern, capacity: tokens.count)
      for position in read..<tokens.count {
        expectClose(
          generation.hidden.values, expected[position - 1], tolerance: 1e-4,
          "\(deployment.name), \(boundary), position \(position - 1)")
        generation.append(tokens[position])
      }
      expectClose(generation.hidden.values, expected[39], tolerance: 1e-4, deployment.name)
    }
  }

  /// A prompt that is read once, whose cache each map prunes for itself: alone, and side by side.
  @Test(arguments: Architectures.all, deployments.filter { $0.phase == .decode })
  func oneReadPromptServesAllMaps(_ c: ModelConfiguration, _ deployment: Deployment) {
    let model = RandomModel(c, seed: 45)
    let oracle = ReferenceModel(model)
    var random = TestRandom(seed: 46)
    let tokens = random.tokens(40, vocabulary: c.vocabulary)
    let maps = Array(maps(c, &random).suffix(3))
    for boundary in [12, 33, 40] {
      let read = Generation(
        model.decoder, prompt: Array(tokens[..<boundary]), pattern: .full(c),
        capacity: boundary + boundary % 2,
        length: tokens.count)
      let patterns = maps.map { AttentionPattern($0, deployment.rule(boundary: boundary)) }
      let expected = patterns.map { oracle.finalHidden(tokens, pattern: $0) }
      var group = GenerationGroup(continuing: read, patterns: patterns, capacity: tokens.count)
      var alone = GenerationGroup(
        continuing: read, patterns: [patterns[2]], capacity: tokens.count)
      for position in boundary..<tokens.count {
        // The second map's text ends before the others'.
        if position == 37 { group.remove { $0 == 1 } }
        group.append(Array(repeating: tokens[position], count: group.members.count))
        alone.append([tokens[position]])
        for (row, member) in group.members.enumerated() {
          expectClose(
            group.hidden(row), expected[member][position], tolerance: 1e-4,
            "\(deployment.name), \(boundary), map \(member), position \(position)")
        }
        #expect(alone.hidden(0) == group.hidden(group.members.count - 1))
      }
      for (pattern, expected) in zip(patterns, expected) {
        var own = GenerationGroup(continuing: read, patterns: [pattern], capacity: tokens.count)
        for position in boundary..<tokens.count { own.append([tokens[position]]) }
        expectClose(own.hidden(0), expected[39], tolerance: 1e-4, deployment.name)
      }
    }
  }

  /// A text that grows beyond LongRoPE's original context, 20 tokens, is at each token what it is when it is read
  /// at once.
  @Test(arguments: deployments)
  func aTextThatOutgrowsLongRoPEIsReadAgain(_ deployment: Deployment) {
    var c = Architectures.llama
    let (short, long) = ([1, 1.5, 2], [1.5, 4, 9])
    for layer in 0..<c.layers {
      c.kinds[layer].rotary?.scaling = .longrope(
        LongRopeScaling(
          shortFactors: short, longFactors: long, originalMaxPositions: 20, attentionFactor: 1.2))
    }
    let model = RandomModel(c, seed: 47)
    var random = TestRandom(seed: 48)
    let tokens = random.tokens(26, vocabulary: c.vocabulary)
    let patterns = maps(c, &random).map { AttentionPattern($0, deployment.rule(boundary: 12)) }
    func expected(_ pattern: AttentionPattern, _ count: Int) -> [Double] {
      model.decoder.finalHidden(
        Array(tokens[..<count]), pattern: pattern, rows: count - 1..<count
      ).values.map(Double.init)
    }
    // The factors change what is computed.
    let whole = model.decoder.finalHidden(tokens, pattern: .full(c)).view.row(19)
    let part = expected(.full(c), 20)
    #expect(part.indices.contains { abs(Double(whole[$0]) - part[$0]) > 0.05 })
    for (map, pattern) in patterns.enumerated() {
      var generation = Generation(
        model.decoder, prompt: Array(tokens[..<17]), pattern: pattern, capacity: 26, length: 17)
      for position in 17..<26 {
        var layers = 0
        generation.append(tokens[position]) { _ in layers += 1 }
        #expect(layers == c.layers && generation.tokens == position + 1)
        expectClose(
          generation.hidden.values, expected(pattern, position + 1), tolerance: 1e-4,
          "\(deployment.name), map \(map), position \(position)")
      }
    }
    guard deployment.phase == .decode else { return }
    let read = Generation(
      model.decoder, prompt: Array(tokens[..<12]), pattern: .full(c), capacity: 12, length: 15)
    var group = GenerationGroup(
      continuing: read, patterns: Array(patterns.suffix(3)), capacity: 26)
    for position in 12..<26 {
      if position == 16 { group.remove { $0 == 1 } }
      group.append(group.members.map { _ in tokens[position] })
      for (row, member) in group.members.enumerated() {
        expectClose(
          group.hidden(row),
          expected(patterns.suffix(3)[patterns.count - 3 + member], position + 1),
          tolerance: 1e-4, "\(deployment.name), text \(member), position \(position)")
      }
    }
  }

  /// Prompts that are read once, and the rows of all maps of all samples side by side.
  @Test(arguments: Architectures.all, deployments.filter { $0.phase == .decode })
  func promptedMapsMatchTheOracle(_ c: ModelConfiguration, _ deployment: Deployment) {
    let model = RandomModel(c, seed: 35)
    let oracle = ReferenceModel(model)
    var random = TestRandom(seed: 36)
    let samples = [(40, 25, 24..<40), (30, 12, 12..<28), (30, 28, 20..<30)].map {
      (tokens: random.tokens($0.0, vocabulary: c.vocabulary), boundary: $0.1, rows: $0.2)
    }
    let prompts = samples.map {
      PromptCache(model.decoder, tokens: $0.tokens, boundary: $0.boundary, rows: $0.rows)
    }
    let heads = Array(maps(c, &random).suffix(5))
    let trials = heads.flatMap { map in samples.indices.map { (map: map, sample: $0) } }
    let prompted = trials.map { PromptedMap(prompts[$0.sample], $0.map) }
    let expected = trials.map { map, sample in
      let rule = deployment.rule(boundary: samples[sample].boundary)
      let hidden = oracle.finalHidden(
        samples[sample].tokens, pattern: AttentionPattern(map, rule))
      return Array(hidden[samples[sample].rows].joined())
    }
    for limit in [4096, 1, 100] {
      var visited: [Int: [Float]] = [:]
      model.decoder.finalHidden(prompted, deployment, rowLimit: limit) { index, hidden in
        visited[index] = hidden.values
        expectClose(
          hidden.values, expected[index], tolerance: 1e-4,
          "\(deployment.name), trial \(index), limit \(limit)")
      }
      #expect(visited.count == trials.count)
      // Alone a map has the bits that it has among others.
      for index in [0, trials.count - 1] {
        model.decoder.finalHidden([prompted[index]], deployment) { _, hidden in
          #expect(hidden.values == visited[index])
        }
      }
    }
  }

  /// 16 bits cost what their rounding costs, and half of the memory.
  @Test func promptsInSixteenBits() {
    let c = Architectures.llama
    let model = RandomModel(c, seed: 37)
    var random = TestRandom(seed: 38)
    let tokens = random.tokens(60, vocabulary: c.vocabulary)
    let deployment = Deployment(StreamingWindow(sink: 3, recent: 5), phase: .decode)
    let map = maps(c, &random)[4]
    func hidden(_ storage: PromptStorage) -> (values: [Float], bytes: Int) {
      let prompt = PromptCache(
        model.decoder, tokens: tokens, boundary: 45, rows: 44..<60, storage: storage)
      var values: [Float] = []
      model.decoder.finalHidden([PromptedMap(prompt, map)], deployment) { values = $1.values }
      return (values, prompt.byteCount)
    }
    let exact = hidden(.float32)
    #expect(
      exact.bytes == PromptCache.bytes(c, tokens: 45, storage: .float32),
      "\(exact.bytes) bytes")
    for (storage, tolerance) in [(PromptStorage.float16, 2e-3), (.bfloat16, 2e-2)] {
      let rounded = hidden(storage)
      #expect(rounded.values != exact.values)
      expectClose(rounded.values, exact.values.map(Double.init), tolerance: tolerance)
      #expect(rounded.bytes * 2 == exact.bytes)
    }
  }
}
