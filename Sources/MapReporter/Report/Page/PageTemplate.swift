import Mustache

/// The page's template; `{{…}}` escapes, `{{{…}}}` takes finished drawings and our own style.
enum PageTemplate {
  /// The page for `view`.
  static func render(_ view: PageView) throws(MapReporterError) -> String {
    try render(
      view, page,
      [
        "task": task, "agreement": agreement, "table": table, "sparsities": sparsities,
        "parts": parts,
      ], name: "report")
  }

  /// A page of `view`, with the head, notes and foot of all and some `parts`; `name` is the template's in errors.
  static func render(
    _ view: Any, _ page: String, _ parts: [String: String], name: String
  ) throws(MapReporterError) -> String {
    let all = parts.merging(["page": page, "head": head, "notes": notes, "foot": foot]) { own, _ in
      own
    }
    do {
      let library = MustacheLibrary(
        templates: try all.mapValues { try MustacheTemplate(string: $0) })
      return library.render(view, withTemplate: "page") ?? ""
    } catch {
      throw .brokenTemplate(name: name, reason: "\(error)")
    }
  }

  /// What every page begins with; its view has title, subtitle, style and the variables of both themes.
  private static let head = """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{{title}}</title>
    <style>
    :root{ {{{lightVariables}}} }
    @media (prefers-color-scheme: dark) and (not print){:root{ {{{darkVariables}}} } }
    {{{style}}}
    </style>
    </head>
    <body>
    <main>
    <header>
    <h1>{{title}}</h1>
    <p class="subtitle">{{subtitle}}</p>
    </header>

    """

  /// What a reader should know of.
  private static let notes = """
    {{#hasNotes}}
    <section>
    <h2>Notes</h2>
    <ul>{{#notes}}<li>{{.}}</li>{{/notes}}</ul>
    </section>
    {{/hasNotes}}

    """

  /// The files beside a page, and its end.
  private static let foot = """
    {{#hasFiles}}
    <section>
    <h2>Files</h2>
    <ul class="files">{{#files}}<li><a href="{{path}}">{{name}}</a> <span>{{summary}}</span></li>{{/files}}</ul>
    </section>
    {{/hasFiles}}
    </main>
    </body>
    </html>

    """

  /// How much scores agree, as a table.
  static let agreement = """
    {{#agreement}}
    <p class="small">Upper right: Spearman’s correlation over {{heads}} heads. Lower left: layers that are in the upper half, {{half}} of {{layers}}, by both; two random halves share {{chance}} on average.</p>
    <div class="scroll" tabindex="0">
    <table class="every">
    <thead><tr><th scope="col"></th>{{#names}}<th scope="col">{{.}}</th>{{/names}}</tr></thead>
    <tbody>
    {{#rows}}<tr><th scope="row">{{name}}</th>{{#cells}}<td>{{.}}</td>{{/cells}}</tr>
    {{/rows}}
    </tbody>
    </table>
    </div>
    {{/agreement}}

    """

  private static let page = """
    {{>head}}
    {{#answer}}
    <section class="answer">
    <h2>{{headline}}</h2>
    <div class="words">
    <p class="lead">{{sentence}}</p>
    {{#elsewhere}}<p>{{.}}</p>{{/elsewhere}}
    {{#hasTiles}}<ul class="tiles">{{#tiles}}<li><b>{{value}}</b> <span>{{label}}</span></li>{{/tiles}}</ul>{{/hasTiles}}
    </div>
    <div class="map">
    {{#strip}}<figure class="strip">{{{.}}}</figure>{{/strip}}
    {{#layers}}<p class="small">Retrieval layers: {{.}}.</p>{{/layers}}
    {{#map}}<p class="small">The map: <a href="{{path}}">{{name}}</a></p>{{/map}}
    {{#folder}}<p class="small">In the formats of runtimes: <a href="{{path}}">{{name}}</a></p>{{/folder}}
    {{#command}}<p class="small">In one more format, from this page’s folder: <code>{{.}}</code></p>{{/command}}
    </div>
    </section>
    {{/answer}}
    {{#deployments}}{{^isEmpty}}
    <section>
    <h2>How many layers may stream, by deployment</h2>
    <p>The same maps on the same samples ({{evidence}}), as runtimes apply them: the sparsest layer map that keeps {{share}} of full attention’s accuracy, even at the lower end of the paired 95&nbsp;% interval.</p>
    <div class="scroll" tabindex="0">
    <table>
    <thead><tr><th scope="col">Deployment</th><th scope="col">May stream</th><th scope="col">Kept</th><th scope="col">Chosen by</th><th scope="col">KV saved</th></tr></thead>
    <tbody>
    {{#rows}}<tr><th scope="row">{{name}}<small>{{runtimes}}</small></th><td>{{answer}}</td><td>{{kept}}<small>{{range}}</small></td><td>{{method}}</td><td>{{saved}}</td></tr>
    {{/rows}}
    </tbody>
    </table>
    </div>
    </section>
    {{/isEmpty}}{{/deployments}}
    {{#recommendations}}{{^isEmpty}}
    <section>
    <h2>How far each way of choosing goes</h2>
    <p>The highest sparsity at which {{share}} of full attention’s accuracy is kept, even at the lower end of the paired 95&nbsp;% interval over {{samples}}. Differences are in points, over the same samples; head-mixed is the per-head cut that streams as many heads.</p>
    <div class="scroll" tabindex="0">
    <table>
    <thead><tr><th scope="col">Method</th><th scope="col">Sparsity</th><th scope="col">Accuracy</th><th scope="col">Kept</th><th scope="col">Less full</th><th scope="col">Less head-mixed</th><th scope="col">KV saved</th></tr></thead>
    <tbody>
    {{#rows}}<tr><th scope="row">{{name}}</th><td>{{sparsity}}</td><td>{{accuracy}}<small>{{range}}</small></td><td>{{kept}}</td>{{#minusFull}}<td>{{value}}<small>{{range}}</small></td>{{/minusFull}}{{#minusHeadMixed}}<td>{{value}}<small>{{range}}</small></td>{{/minusHeadMixed}}<td>{{saved}}</td></tr>
    {{/rows}}
    </tbody>
    </table>
    </div>
    </section>
    {{/isEmpty}}{{/recommendations}}
    {{#primary}}
    <section>
    <h2>Accuracy against sparsity</h2>
    <p>Maps with 95&nbsp;% intervals over {{#table}}{{samples}}{{/table}}, and what chance gives at the same sparsity: in grey, median and range over seeds, or a row with a dot for each seed. A map is good where it stays near full attention while the random ones fall.</p>
    {{>task}}
    </section>
    {{/primary}}
    {{#hasPictures}}
    <div class="beside">
    {{#gates}}
    <section>
    <h2>Gates</h2>
    <p>One cell per key-value head: 1 means the head needs the whole context, 0 that the first and the recent tokens are enough.</p>
    <figure>{{{.}}}</figure>
    </section>
    {{/gates}}
    {{#training}}
    <section>
    <h2>Gate learning</h2>
    <p>The loss, its two parts and the learning rate.</p>
    <figure>{{{.}}}</figure>
    </section>
    {{/training}}
    </div>
    {{/hasPictures}}
    {{#hasOthers}}
    <section>
    <h2>Other tasks</h2>
    {{#others}}<h3>{{task}}</h3>
    {{>task}}{{/others}}
    </section>
    {{/hasOthers}}
    {{#isElsewhere}}
    <section>
    <h2>The same maps, deployed otherwise</h2>
    {{#elsewhere}}<h3>{{title}}</h3>
    {{#tasks}}<p class="small">{{task}}</p>
    {{>task}}{{/tasks}}{{/elsewhere}}
    </section>
    {{/isElsewhere}}
    {{#hasScores}}
    <section>
    <h2>Who finds which heads</h2>
    <p>Scores of all heads by the methods that the configuration names. A cell is as dark as the head’s rank by that method, since scores of different methods have no unit in common; query heads that share a key-value head count as one.</p>
    <div class="figures">{{#scores}}<figure>{{{.}}}</figure>{{/scores}}</div>
    {{>agreement}}
    </section>
    {{/hasScores}}
    {{>notes}}
    {{#hasFacts}}
    <section>
    <h2>The run</h2>
    <dl>{{#facts}}<div><dt>{{name}}</dt><dd>{{value}}</dd></div>{{/facts}}</dl>
    </section>
    {{/hasFacts}}
    {{>foot}}
    """

  private static let task = """
    {{#warning}}<p class="warning">{{.}}</p>{{/warning}}
    <div class="task{{#isPair}} pair{{/isPair}}">
    <div class="figures">{{#figures}}<figure>{{{.}}}</figure>{{/figures}}</div>
    {{#table}}{{^isEmpty}}<div>{{>table}}</div>{{/isEmpty}}{{/table}}
    </div>
    {{#sparsities}}{{^isEmpty}}{{>sparsities}}{{/isEmpty}}{{/sparsities}}
    {{#parts}}{{^isEmpty}}{{>parts}}{{/isEmpty}}{{/parts}}
    """

  private static let parts = """
    <p class="small">The average of the tasks by length in tokens: {{metric}} in %, ± half a 95&nbsp;% interval.</p>
    <div class="scroll" tabindex="0">
    <table class="every">
    <thead><tr><th scope="col">Map</th>{{#lengths}}<th scope="col">{{.}}</th>{{/lengths}}</tr></thead>
    <tbody>
    {{#averages}}<tr><th scope="row">{{name}}</th>{{#cells}}<td>{{value}}<small>{{range}}</small></td>{{/cells}}</tr>
    {{/averages}}
    </tbody>
    </table>
    </div>
    <p class="small">Each task, the average of all lengths.</p>
    <div class="scroll" tabindex="0">
    <table class="every">
    <thead><tr><th scope="col">Task</th>{{#maps}}<th scope="col">{{.}}</th>{{/maps}}</tr></thead>
    <tbody>
    {{#parts}}<tr><th scope="row">{{name}}</th>{{#cells}}<td>{{value}}<small>{{range}}</small></td>{{/cells}}</tr>
    {{/parts}}
    </tbody>
    </table>
    </div>
    """

  private static let sparsities = """
    <p class="small">Every sparsity that was asked for, and the nearest that whole layers allow: {{metric}}. Bold: the best layer map.</p>
    <div class="scroll" tabindex="0">
    <table class="every">
    <thead><tr><th scope="col">Asked for</th><th scope="col">Layer maps have</th>{{#methods}}<th scope="col">{{.}}</th>{{/methods}}</tr></thead>
    <tbody>
    {{#rows}}<tr><th scope="row">{{asked}}</th><td>{{possible}}</td>{{#cells}}<td{{#isBest}} class="best"{{/isBest}}>{{value}}</td>{{/cells}}</tr>
    {{/rows}}
    </tbody>
    </table>
    </div>
    """

  private static let table = """
    <p class="small">Shares in %, losses in nats, at the sparsities nearest to 25, 50 and 75&nbsp;%. Small: 95&nbsp;% interval over {{samples}}; for random maps the median and, small, the range over seeds. Bold: the best layer map.</p>
    <div class="scroll" tabindex="0">
    <table>
    <thead>
    <tr><th rowspan="2" scope="col">Method</th>{{#columns}}<th colspan="{{span}}" scope="colgroup">{{title}}{{#possible}}<small>layers allow {{.}}</small>{{/possible}}</th>{{/columns}}</tr>
    <tr>{{#metrics}}<th scope="col">{{.}}</th>{{/metrics}}</tr>
    </thead>
    <tbody>
    {{#rows}}<tr class="{{kind}}"><th scope="row">{{name}}</th>{{#cells}}<td{{#isBest}} class="best"{{/isBest}}>{{value}}<small>{{range}}</small></td>{{/cells}}</tr>
    {{/rows}}
    </tbody>
    </table>
    </div>
    """
}
