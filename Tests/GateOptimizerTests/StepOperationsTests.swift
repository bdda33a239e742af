import GateOptimizer
import TestSupport
import Testing
import Transformer

/// A step's operations and rows against loops over every layer, head, query and key.
@Suite struct StepOperationsTests {
  @Test(arguments: Architectures.all) func stepsAreCountedPairByPair(_ c: ModelConfiguration) {
    let decoder = RandomModel(c).decoder
    for window in [StreamingWindow(sink: 3, recent: 5), .init(sink: 0, recent: 1)] {
      for labels in [50..<60, 8..<12, 0..<9] {
        let step = OperationCount(decoder.configuration).step(window: window, labelRows: labels)
        let naive = NaiveCount(c)
        let streaming = AttentionPattern.streaming(c, window: window)
        #expect(step.teacher.total == naive.prefill(.full(c), rows: labels))
        #expect(step.student.total == naive.prefill(streaming, rows: labels))
        #expect(step.backward.total == naive.backward(streaming, rows: labels))
      }
    }
  }

  @Test func studentRowsArePredictedWithoutTheCones() {
    let decoder = RandomModel(Architectures.llama).decoder
    for window in [StreamingWindow(sink: 3, recent: 5), .init(sink: 0, recent: 1)] {
      for (tokens, labels) in [(60, 10), (12, 4), (9, 9), (21, 11)] {
        let cones = TwoStreamStep(decoder, window: window).cones(
          labelRows: tokens - labels..<tokens)
        #expect(
          window.predictedStudentRows(layers: 3, labels: labels, tokens: tokens)
            == cones.dropFirst().reduce(0) { $0 + $1.count })
      }
    }
  }
}
