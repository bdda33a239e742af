import ArgumentParser
import MapReporter

/// `zigzag search`: gates and searched maps.
struct SearchVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Search the layer maps that lose least.",
    discussion: """
      Learns the gates first where there are none. Removes one layer after the other, each time the one \
      whose loss costs least on calibration samples, and tries swaps at the sparsities that are \
      ranked (the search section of the configuration). An interrupted search goes on where it stopped.

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
