import Transformer

/// How much of the prompts is kept between evaluations, and how.
package struct PromptSettings: Sendable, Equatable {
  /// Bytes of memory that kept keys and values may take.
  package var byteBudget: Int
  /// How they are stored.
  package var storage: PromptStorage
  /// Bytes of a file that those may take which memory has no room for; others are read again for each round.
  package var fileBudget: Int
  /// The folder on whose disk the file lies.
  package var folder: String

  /// Prompts of `byteBudget` bytes in memory, and of `fileBudget` in a file.
  package init(
    byteBudget: Int = .max, storage: PromptStorage = .float32, fileBudget: Int = 0,
    folder: String = "."
  ) {
    self.byteBudget = byteBudget
    self.storage = storage
    self.fileBudget = fileBudget
    self.folder = folder
  }
}

/// The prompt caches of some samples: those that fit a byte budget, of memory or of a file, are read once, the
/// others when they are asked for.
final class PromptShelf {
  private let decoder: DecoderModel
  private let samples: [PasskeySample]
  private let deployment: Deployment
  private let settings: PromptSettings
  private let file: PromptFile?
  private var kept: [Int: PromptCache] = [:]
  /// The last one that is not kept.
  private var latest: (sample: Int, cache: PromptCache)?
  private var (used, usedOfFile) = (0, 0)

  init(
    _ decoder: DecoderModel, _ samples: [PasskeySample], _ deployment: Deployment,
    _ settings: PromptSettings
  ) {
    self.decoder = decoder
    self.samples = samples
    self.deployment = deployment
    self.settings = settings
    file = settings.fileBudget > 0 ? PromptFile(in: settings.folder) : nil
  }

  /// Samples whose prompts are kept.
  var keptCount: Int { kept.count }

  /// The prompt of a sample.
  subscript(_ sample: Int) -> PromptCache {
    if let cache = kept[sample] { return cache }
    if let latest, latest.sample == sample { return latest.cache }
    latest = nil
    let (tokens, rows) = (samples[sample].tokens, samples[sample].predictingRows)
    let boundary = samples[sample].boundary(deployment.boundary)
    let bytes = PromptCache.bytes(
      decoder.configuration, tokens: boundary, storage: settings.storage)
    if used + bytes > settings.byteBudget, let file, usedOfFile + bytes <= settings.fileBudget,
      let cache = PromptCache(
        decoder, tokens: tokens, boundary: boundary, rows: rows, storage: settings.storage, in: file
      )
    {
      usedOfFile += bytes
      kept[sample] = cache
      return cache
    }
    let cache = PromptCache(
      decoder, tokens: tokens, boundary: boundary, rows: rows, storage: settings.storage)
    if used + bytes <= settings.byteBudget {
      used += bytes
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
