import GateOptimizer
import ModelLoader
import Support

/// Runs a check of the libraries and turns what it refuses into a problem of a setting.
package func settingProblem(
  _ check: () throws(GateOptimizerError) -> Void
) throws(InvalidSetting) {
  do {
    try check()
  } catch .option(let name, let expected, let found) {
    throw InvalidSetting(
      name.split(separator: ".").map(String.init), "is \(found.shown()); it must be \(expected)")
  } catch {
    throw InvalidSetting([], "\(error)")
  }
}

/// Runs the check of a part of the settings and puts the part's place before what it throws.
package func within(
  _ place: String..., check: () throws(InvalidSetting) -> Void
) throws(InvalidSetting) {
  do {
    try check()
  } catch {
    throw InvalidSetting(place + error.path, error.problem)
  }
}
