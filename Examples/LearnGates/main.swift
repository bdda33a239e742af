// Learns one gate per key-value head on passkeys in generated text, and writes DuoAttention's table.
//
//     swift run learn-gates data/passkey.h5 gates.tsv
import Foundation
import GateOptimizer

guard CommandLine.arguments.count == 3 else { print("learn-gates MODEL TABLE"); exit(64) }
let model = try ModelFile.open(path: CommandLine.arguments[1])
let window = StreamingWindow(sink: 4, recent: 32)

var settings = CalibrationSettings()
settings.steps = 20
settings.regularization = 0.3
let sampler = try PasskeySampler(
  task: .wordPasskeys, haystack: .generated(.village), contextLengths: [512], seed: 0,
  tokenizer: model.requiredTokenizer())

var state = CalibrationState(model.configuration, settings: settings)
try Calibrator(
  decoder: model.decoder, sampler: sampler, settings: settings, deployment: Deployment(window)
)
.run(&state) { state, _ in
  print("step \(state.step): distillation \(state.records.last?.distillation ?? .nan)")
  return true
}
try state.gates.write(to: CommandLine.arguments[2])
