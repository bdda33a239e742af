// Turns a table of gates into a map of whole layers, and exports it for a runtime.
//
//     swift run export-map gates.tsv sglang exported
import Foundation
import MapReporter

guard CommandLine.arguments.count == 4,
  let format = ExportFormat(rawValue: CommandLine.arguments[2])
else {
  let known = ExportFormat.allCases.map(\.rawValue).joined(separator: ", ")
  print("export-map TABLE FORMAT FOLDER; formats are \(known)")
  exit(64)
}
let source = try GateSource(path: CommandLine.arguments[1])
let map = try source.map(
  by: .max, sparsity: 0.5, window: HeadMap.Window(sink: 16, recent: 64))

let export = try format.export(map)
let folder = URL(fileURLWithPath: CommandLine.arguments[3])
for file in try export.write(to: folder) { print(file.path) }
for warning in export.warnings { print("note: \(warning)") }
