import Foundation
import ModelLoader
import Testing
import Transformer
import TestSupport
@Suite struct ZZTemp {
  @Test func decodeTime() throws {
    let m = try ModelFile.open(path: "/work/main/models/smollm2-135m-instruct.h5")
    let d = DecoderModel(configuration: m.configuration, weights: m.weights)
    for T in [1024, 4096] {
      let prompt = (0..<T).map { Int32(($0 * 7919) % 40000) }
      let t0 = ContinuousClock.now
      var g = Generation(d, prompt: prompt, pattern: .full(m.configuration), capacity: T + 100)
      let t1 = ContinuousClock.now
      var times: [Double] = []
      for i in 0..<60 {
        let s = ContinuousClock.now; g.append(Int32(i)); _ = g.prediction;
        times.append((ContinuousClock.now - s) / .seconds(1))
      }
      times.sort()
      FileHandle.standardError.write(
        Data(
          "ZZ T \(T) prefill \((t1 - t0) / .seconds(1)) s = \(Double(T) / ((t1 - t0) / .seconds(1))) tok/s; decode median \(times[30] * 1000) ms min \(times[0]*1000)\n"
            .utf8))
    }
  }
}
