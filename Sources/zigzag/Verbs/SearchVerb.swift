import ArgumentParser
import MapReporter

/// `zigzag search`: gates and searched maps.
struct SearchVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Search the layer maps that lose least.",
    discussion: """
      Learns the gates first where there are none. Removes one layer after the other, each time the \
      layer whose removal loses least on calibration samples. Tries swaps at the ranked sparsities. \
      The search section of the configuration has the settings. An interrupted search continues.

        zigzag search configs/smollm2-135m.yaml
        zigzag search configs/smollm2-135m.yaml --set search.units='[layers, heads]'
        zigzag rank runs/smollm2-135m --sparsity 0.5 --criterion search

      The path of each table of maps (CSV) goes to standard output.
      """)

  @OptionGroup var source: ConfigurationOptions
  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let files = try source.runPipeline(to: .search)
    for table in files.searchTables { try Results.print(table) }
  }
}
