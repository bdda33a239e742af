import GateOptimizer

extension EvaluationTask {
  /// Refuses a task that no sample can be made of.
  ///
  /// - Throws: `InvalidSetting` for the first thing that is wrong.
  public func validate() throws(InvalidSetting) {
    try requireSetting(!name.isEmpty, CodingKeys.name, "is empty; give the task a name")
    if let context { try requireAtLeastOne(context, CodingKeys.context) }
    if let samples { try requireAtLeastOne(samples, CodingKeys.samples) }
    for sparsity in sparsities ?? [] { try requireShare(sparsity, CodingKeys.sparsities) }
    switch content {
    case .passkeys(let task):
      try settingProblem { () throws(GateOptimizerError) in
        try task.validate(at: CodingKeys.task.rawValue)
      }
    case .prose(let prose): try within(CodingKeys.prose.rawValue, check: prose.validate)
    }
    if let grid {
      try within(CodingKeys.grid.rawValue, check: grid.validate)
      try requireSetting(
        context == nil, CodingKeys.context, "is given beside a grid, whose lengths say it; keep one"
      )
    }
  }
}
