import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Runs
import TestSupport
import Testing
import Transformer

extension FuzzTests {
  @Test func tokenizers() throws {
    let corpus = try [
      Array(FuzzCorpus.byteLevelTokenizer.utf8), Array(FuzzCorpus.sentencePieceTokenizer.utf8),
      FuzzCorpus.fixture("ModelLoaderTests/Fixtures/tokenizer/llama2.json"),
    ]
    let words = [
      "null", "\"BPE\"", "Sequence", "Replace", "Prepend", "NFC", "Split", "Digits", "ByteLevel",
      "Metaspace", "Strip", "Fuse", "ByteFallback", "TemplateProcessing", "normalizers",
      "pretokenizers", "decoders", "processors", "content", "pattern", "never", "always",
    ]
    let text = "A\u{301} <s>a b<|end|> word's 123\n\u{AC00}\u{11A8} <unk>é! ab🦓\u{0}"
    try FuzzCampaign(
      parser: "tokenizer", suffix: ".json", seeds: corpus,
      mutate: TextMutator(corpus: corpus, words: words).callAsFunction, named: ""
    ).run { path in
      let tokenizer = try Tokenizer(json: try Data(contentsOf: URL(fileURLWithPath: path)))
      let ids = tokenizer.encode(text, addSpecialTokens: true)
      #expect(ids.allSatisfy { $0 >= 0 && Int($0) <= 4_194_303 })
      _ = tokenizer.decode(ids, skipSpecialTokens: true)
      _ = tokenizer.decode([0, 1, 2, -1, .max, Int32(tokenizer.vocabularySize)])
    }
  }

  @Test func configurations() throws {
    let words = [
      "name", "task", "steps", "files", "generated", "preset", "criteria", "weighted:0.5", "max",
      "held-out-words", "digits", "village", "&task", "*task", "<<", "memory_budget", "100%",
    ]
    try FuzzCampaign(
      parser: "configuration", suffix: ".yaml", seeds: [Array(FuzzCorpus.configuration.utf8)],
      mutate: TextMutator(corpus: [Array(FuzzCorpus.configuration.utf8)], words: words)
        .callAsFunction
    ).run { path in
      let document = try ConfigurationDocument(contentsOf: path, overrides: ["calibration.steps=3"])
      let configuration = try RunConfiguration(document)
      let again = try ConfigurationDocument(yaml: try configuration.yaml(), path: path)
      let (first, second) = (try configuration.yaml(), try RunConfiguration(again).yaml())
      let difference = zip(first.split(separator: "\n"), second.split(separator: "\n"))
        .first { $0 != $1 }.map { "\($0) became \($1)" }
      // As text, since the YAML library writes 15 digits of a number.
      #expect(first == second, "\(path): \(difference ?? "a line was lost")")
      try configuration.evaluation.tasks.forEach { try $0.validate() }
    }
  }

  @Test func taskFiles() throws {
    let corpus = [
      #"{"context": "A \u00e9 text.", "input": "Who?", "answers": ["Ada", "B"], "all_classes": ["Ada", "B"]}"#,
      #"{"prompt": "a {context}", "answer": "b", "n": [1, {"x": null}]}"# + "\n\n"
        + #"{"prompt": "c", "answer": ["d"]}"#,
      #"{"input": "all of it", "outputs": ["1", "2"], "index": 0, "length": 12}"#,
    ].map { Array($0.utf8) }
    let tokenizer = try EmbeddedModel.tokenizer()
    let words = [
      "context", "input", "answers", "outputs", "prompt", "all_classes", "\\ud800", "null", "\"\"",
      "{question}",
    ]
    try FuzzCampaign(
      parser: "task file", suffix: ".jsonl", seeds: corpus,
      mutate: TextMutator(corpus: corpus, words: words).callAsFunction
    ).run { path in
      // A file is refused where no format reads it.
      var (found, isRead): ((any Error)?, Bool) = (nil, false)
      for format in [FileTask.Format.plain, .longBench, .ruler] {
        var task = FileTask(file: path, format: format)
        task.metrics =
          format == .longBench
          ? [.classification, .f1] : AnswerMetric.allCases.filter { $0 != .classification }
        task.maximumTokens = 4
        do {
          let sampler = try FileSampler(task, longest: 64, tokenizer: tokenizer)
          for index in 0..<(sampler.count ?? 0) {
            let sample = try sampler.sample(index: index, context: nil)
            #expect(sample.length <= 64 && sample.labelRows.upperBound == sample.length)
            let key = try #require(sample.key)
            for metric in task.metrics {
              #expect((0...1).contains(metric.score(key.references[0], key)))
            }
          }
          isRead = true
        } catch {
          found = error
        }
      }
      if let found, !isRead { throw found }
    }
  }

  @Test func documentFiles() throws {
    let corpus = [
      #"{"query": "Who \u00e9?", "documents": ["Ada", {"title": "B", "text": "C d"}], "gold": [1], "answer": "C"}"#
        + "\n\n" + #"{"query": "a", "documents": ["b"], "gold": []}"#,
      #"{"question": "q", "paragraphs": [{"idx": 7, "title": "t", "paragraph_text": "p"}], "gt_docs": [7]}"#,
      "\"one text\"\n" + #"{"title": null, "text": "another"}"#,
    ].map { Array($0.utf8) }
    let words = [
      "query", "question", "documents", "paragraphs", "paragraph_text", "gt_docs", "idx", "gold",
      "title", "text", "answer", "\\ud800", "null", "\"\"", "1e308",
    ]
    try FuzzCampaign(
      parser: "document file", suffix: ".jsonl", seeds: corpus,
      mutate: TextMutator(corpus: corpus, words: words).callAsFunction
    ).run { path in
      do {
        for sample in try DocumentFile(contentsOf: path, needsGold: false).samples {
          #expect(!sample.query.isEmpty && sample.documents.allSatisfy { !$0.text.isEmpty })
          #expect(sample.gold.allSatisfy(sample.documents.indices.contains))
          let words = BM25(sample.documents.map(\.text)).scores(sample.query)
          #expect(DocumentRanking(words).order.count == sample.documents.count)
        }
      } catch is FileError {
        // What holds no questions may hold documents alone.
        let documents = try DocumentFile.documents(contentsOf: path)
        #expect(documents.allSatisfy { !$0.text.isEmpty })
      }
    }
  }

  @Test func gateTables() throws {
    let table = GateMatrix(layers: 3, heads: 2, values: [1, 0.75, 0.125, 0, 0.5, -0.25]).tsv
    let corpus = [table, "0 1\r\n\n 0.5\t1e-3 \n", "1\n0\n1\n"].map { Array($0.utf8) }
    try FuzzCampaign(
      parser: "gates", suffix: ".tsv", seeds: corpus,
      mutate: TextMutator(corpus: corpus).callAsFunction
    ).run { path in
      let gates = try GateMatrix(contentsOf: path)
      #expect(try GateMatrix(tsv: gates.tsv, file: path) == gates)
      _ = try gates.layerMap(by: .max, sparsity: 0.5)
    }
  }

  @Test func headMaps() throws {
    let corpus = try ["headmap", "headmap-mixed"].map {
      try FuzzCorpus.fixture("MapReporterTests/Fixtures/\($0).json")
    }
    try FuzzCampaign(
      parser: "headmap", suffix: ".json", seeds: corpus,
      mutate: TextMutator(corpus: corpus).callAsFunction
    ).run { path in
      let map = try HeadMap.read(from: URL(fileURLWithPath: path))
      _ = try map.json()
      _ = (map.pattern, map.sparsity)
      for format in ExportFormat.allCases {
        // A sound map is written, or refused in words.
        do {
          _ = try format.export(map)
        } catch let error as MapReporterError {
          #expect(!error.description.isEmpty)
        }
      }
    }
  }

  @Test func retrievalScores() throws {
    let corpus = [
      "{\"0-0\": [0.5, 1], \"0-1\": [0], \"1-0\": [0.25], \"1-1\": [1, 1, 1]}",
      "{\"0-0\": [1], \"0-1\": [0.125], \"0-2\": [0], \"0-3\": [0.75]}",
    ].map { Array($0.utf8) }
    try FuzzCampaign(
      parser: "scores", suffix: ".json", seeds: corpus,
      mutate: TextMutator(corpus: corpus, words: ["0-0", "1-1", "4095-0", "-", "1e9"])
        .callAsFunction
    ).run { path in
      let gates = try GateMatrix(retrievalScores: path, keyValueHeads: 2)
      #expect(try GateMatrix.holdsRetrievalScores(path: path))
      #expect(gates.values.allSatisfy { (0...1).contains($0) })
      _ = try gates.layerMap(by: .max, sparsity: 0.5)
    }
  }

  @Test func tables() throws {
    let curves = try FuzzCorpus.fixture("MapReporterTests/Fixtures/curves.csv")
    let scores = """
      task,pattern,sample,metric,place,sum,count
      words,f0,0,tokens,0,3,8
      words,f0,0,first-tokens,0,1,4
      words,f0,1,tokens,0,8,8
      "a ""b"", c",0f,0,kl,7,0.25,8
      """
    let places = """
      task,method,seed,sparsity_requested,length,depth,from,to,samples,metric,value,low,high
      grid,full,,0.0,1024,0.5,,,2,tokens,0.5,0.25,0.75
      prose,random-layers,3,0.5,,,0,128,2,kl,0.5,0.25,0.75
      """
    let metrics = "step,loss,distill,reg,lr\n1,0.5,0.25,0.25,0.02\n2,0.25,0.125,0.125,0.02\n"
    let searched = "streaming,loss,retrieval\n0,0.0,0.0 0.1 1.0 1.1\n2,0.5,0.0 1.1\n4,2e-1,\n"
    let corpus = [curves] + [scores, places, metrics, searched].map { Array($0.utf8) }
    try FuzzCampaign(
      parser: "tables", suffix: ".csv", seeds: corpus,
      mutate: TextMutator(corpus: corpus).callAsFunction
    ).run { path in
      let url = URL(fileURLWithPath: path)
      let header = try Data(contentsOf: url).prefix(6)
      if header == Data("method".utf8) {
        _ = CurveTable.text(try CurveTable.read(from: url))
      } else if header == Data("step,l".utf8) {
        _ = try TrainingRow.read(from: url)
      } else if header == Data("task,m".utf8) {
        let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
        _ = PlaceTable.text(try PlaceTable.parse(text, path: path))
      } else if header == Data("stream".utf8) {
        let maps = try SearchTable.read(path, unit: .heads, space: MapSpace(layers: 2, heads: 2))
        _ = maps.map(SearchTable.text)
      } else {
        _ = try ScoreTable.read(path).text
      }
    }
  }

  /// A search goes on from any state that passes for one of its own.
  @Test func searchStates() throws {
    let search = MapSearch(judge: CountJudge(), settings: SearchSettings(), swapSizes: [1, 2])
    var corpus: [[UInt8]] = []
    var state = SearchState(count: 3, samples: 2)
    try search.run(&state) {
      corpus.append(Array(try StoredSearch(identity: "of this", state: $0).json().utf8))
      return true
    }
    try FuzzCampaign(
      parser: "search", suffix: ".json", seeds: corpus,
      mutate: TextMutator(corpus: corpus, words: ["110", "000", "null", "true", "1e308", "-1e308"])
        .callAsFunction, named: ""
    ).run { path in
      // What cannot be read or is no state of this search is begun again.
      guard let stored = StoredSearch(reading: path), stored.state.isSearch(of: 3, samples: 2)
      else {
        #expect(!corpus.contains(Array(try Data(contentsOf: URL(fileURLWithPath: path)))))
        return
      }
      var state = stored.state
      try search.run(&state) { _ in true }
      #expect(state.removed == 3 && (0...3).allSatisfy { state.best(streaming: $0) != nil })
    }
  }
}

/// Sets lose what they miss.
private struct CountJudge: SetJudge {
  let samples = 2
  func rebase(_ kept: [Bool]) {}
  func loss(of kept: [Bool], sample: Int) -> Double { Double(kept.count { !$0 }) }
}
