/// A run of ``TinyModel`` that takes a moment.
package enum TinyRun {
  /// Its configuration; the model is `tiny.h5`, the name `tiny`.
  package static func configuration(steps: Int, checkpointEvery: Int) -> String {
    """
    name: tiny
    model: tiny.h5
    window: {sink: 2, recent: 8}
    task: {passkeys: 1, length: 2, alphabet: [ab, cd, ef], prologue: "", epilogue: "",
      needle: " Key: {passkey}.", question: "Key?", answer_lead_in: ""}
    calibration: {steps: \(steps), context_min: 128, context_max: 128,
      checkpoint_every: \(checkpointEvery)}
    ranking: {criteria: [max, "weighted:0.5"], sparsities: [0.5]}
    evaluation:
      samples: 2
      context: 128
      sparsities: [0, 0.5, 1]
      tasks: [{name: words, task: {passkeys: 1, length: 2, needle: " Key: {passkey}.",
        prologue: "", epilogue: "", question: "Key?", answer_lead_in: ""}}]
      random_layer_seeds: [1]
      random_head_seeds: [1]
      bootstrap: 50
    """
  }
}
