import Transformer

/// How much of the prompts is kept between evaluations, and how.
package struct PromptSettings: Sendable, Equatable {
  /// Bytes that kept keys and values may take; prompts beyond are read again for each round.
  package var byteBudget: Int
  /// How they are stored.
  package var storage: PromptStorage

  /// Prompts of `byteBudget` bytes.
  package init(byteBudget: Int = .max, storage: PromptStorage = .float32) {
    self.byteBudget = byteBudget
    self.storage = storage
  }
}

/// The prompt caches of some samples: those that fit a byte budget are read once, the others when they are asked
/// for.
final class PromptShelf {
  private let decoder: DecoderModel
  private let samples: [PasskeySample]
  private let deployment: Deployment
  private let settings: PromptSettings
  private var kept: [Int: PromptCache] = [:]
  /// The last one that is not kept.
  private var latest: (sample: Int, cache: PromptCache)?
  private var used = 0

  init(
    _ decoder: DecoderModel, _ samples: [PasskeySample], _ deployment: Deployment,
    _ settings: PromptSettings
  ) {
    self.decoder = decoder
    self.samples = samples
    self.deployment = deployment
    self.settings = settings
  }

  /// The prompt of a sample.
  subscript(_ sample: Int) -> PromptCache {
    if let cache = kept[sample] { return cache }
    if let latest, latest.sample == sample { return latest.cache }
    latest = nil
    let cache = PromptCache(
      decoder, tokens: samples[sample].tokens,
      boundary: samples[sample].boundary(deployment.boundary),
      rows: samples[sample].predictingRows, storage: settings.storage)
    if used + cache.byteCount <= settings.byteBudget {
      used += cache.byteCount
      kept[sample] = cache
    } else {
      latest = (sample, cache)
    }
    return cache
  }

  /// Positions in `wanted`, a list of samples, that can be worked on together: all of the prompts that are kept,
  /// and of each other one.
  func groups(of wanted: [Int]) -> [[Int]] {
    let together = wanted.indices.filter { kept[wanted[$0]] != nil }
    let others = Set(wanted).filter { kept[$0] == nil }.sorted()
    return ([together] + others.map { sample in wanted.indices.filter { wanted[$0] == sample } })
      .filter { !$0.isEmpty }
  }
}
