import Foundation

/// The model name of the first processor in /proc/cpuinfo.
package func processorName() -> String {
  let lines = ((try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "")
    .split(separator: "\n")
  let line = lines.first { $0.hasPrefix("model name") }
  return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    ?? "unknown"
}
