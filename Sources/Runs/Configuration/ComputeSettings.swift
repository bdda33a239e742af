import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support
import Synchronization
import Transformer

/// What a run may use of the machine.
///
/// The `compute` section of a run configuration; no result depends on it, but for the last bits that depend on the
/// kernels of products.
package struct ComputeSettings: SettingSection {
  /// What a calibration step may keep of its activations; beyond, they are computed again.
  package var memoryBudget = ByteBudget.shareOfFree(0.6)
  /// What is kept of the teacher's outputs, where the sample set is finite.
  package var teacherCache = ByteBudget.bytes(0)
  /// Whether they are kept in files of the run folder, not in memory.
  package var teacherCacheOnDisk = false
  /// Bytes of disk in the run folder for the prompts of a search that memory has no room for.
  package var promptFiles = ByteBudget.bytes(0)
  /// Whose matrix products are computed with; without it those that suit the CPU.
  package var products: ProductLibrary?

  /// The defaults.
  package init() {}

  /// The names of the settings in a file.
  package enum CodingKeys: String, SettingKey {
    case memoryBudget = "memory_budget"
    case teacherCache = "teacher_cache"
    case teacherCacheOnDisk = "teacher_cache_on_disk"
    case promptFiles = "prompt_files"
    case products
  }

  /// Every setting, with what is refused.
  package static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.memoryBudget, \.memoryBudget),
      Setting(.teacherCache, \.teacherCache),
      Setting(.teacherCacheOnDisk, \.teacherCacheOnDisk),
      Setting(.promptFiles, \.promptFiles) { size, key throws(InvalidSetting) in
        guard case .shareOfFree(let share) = size else { return }
        throw InvalidSetting(
          [key.rawValue],
          "is a share of free memory (\(fixed(share * 100, 0))%); write a size of disk such as 16GiB"
        )
      },
      Setting(.products, optional: \.products),
    ]
  }

  /// Takes the kernels of ``products`` for this process.
  ///
  /// - Throws: `InvalidSetting` where they are OpenBLAS's and it cannot be loaded.
  func chooseKernels() throws(InvalidSetting) {
    do {
      try ProductKernels.choose(products)
    } catch {
      throw InvalidSetting(
        ["compute", CodingKeys.products.rawValue],
        "is \(ProductLibrary.openblas.rawValue), but \(error)")
    }
  }
}

/// An amount of memory: `60%` of what is free, `4GiB`, `500 MB`, or a number of bytes.
package enum ByteBudget: Codable, Sendable, Equatable {
  case bytes(Int)
  /// A share in [0, 1] of the memory that is free when it is asked for.
  case shareOfFree(Double)

  private static let units = [
    "": 1.0, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 0x1p10, "MiB": 0x1p20, "GiB": 0x1p30,
  ]

  /// Reads the text of a setting; nil if it is none of the forms.
  package init?(_ text: String) {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let unit = text.dropFirst(digits.count).trimmingCharacters(in: .whitespaces)
    guard let number = Double(digits), number.isFinite else { return nil }
    if unit == "%", number <= 100 {
      self = .shareOfFree(number / 100)
    } else if let factor = Self.units[unit], number * factor < 0x1p62 {
      self = .bytes(Int(number * factor))
    } else {
      return nil
    }
  }

  /// Reads a text or a number.
  ///
  /// - Throws: `InvalidSetting` that says how a size is written.
  package init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    let text = try (try? value.decode(Int.self)).map(String.init) ?? value.decode(String.self)
    guard let budget = ByteBudget(text) else {
      throw InvalidSetting(
        decoder.codingPath.map(settingName), "is \(text.shown()); write a size such as 4GiB, or 60%"
      )
    }
    self = budget
  }

  /// Writes what it was read from.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .bytes(let count): try container.encode(count)
    case .shareOfFree(let share):
      // Of the neighbours of the product, the one that reads as this share again.
      let percent = share * 100
      let exact = [percent, percent.nextDown, percent.nextUp].first { $0 / 100 == share }
      try container.encode("\(exact ?? percent)%")
    }
  }

  /// The number of bytes, now: this process's part where several share the machine.
  package var byteCount: Int {
    let sharers = Self.sharers.load(ordering: .relaxed)
    return switch self {
    case .bytes(let count): count / sharers
    case .shareOfFree(let share): Int(share * Double(Self.freeMemory)) / sharers
    }
  }

  /// Processes of the job on this machine.
  private static let sharers = Atomic(1)

  /// From now on a budget is that of `processes` processes of this machine together, ≥ 1.
  package static func share(among processes: Int) {
    sharers.store(max(processes, 1), ordering: .relaxed)
  }

  /// Bytes that can be had without swapping: Linux's MemAvailable, or half of the machine's memory.
  private static var freeMemory: UInt64 {
    let table = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    let line = table.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }
    return kibibytes.map { $0 * 1024 } ?? ProcessInfo.processInfo.physicalMemory / 2
  }
}
